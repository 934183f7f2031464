"""What the students of a worker share, and what each is taught."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from mmkd_ray.answers.by_class import answers_by_class
from mmkd_ray.answers.needs import class_questions
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.table import TeacherTable, read_teacher_table
from mmkd_ray.artifacts import Run
from mmkd_ray.config import ARMS, Config
from mmkd_ray.data.feed.pixels import Feed, load_feed, load_pixels
from mmkd_ray.students.bundle import load_bundle
from mmkd_ray.students.model import Student, evaluation_fit, training_fit
from mmkd_ray.students.targets.arms import aspect_targets, class_targets, soften
from mmkd_ray.students.targets.flips import mirrored_targets
from mmkd_ray.students.targets.labels import Provided
from mmkd_ray.students.targets.training_set import TrainingSet
from mmkd_ray.study.inputs import require_inputs
from mmkd_ray.study.students import StudentSpec
from mmkd_ray.tasks import task_of


class StudyData:
    """The images and the teacher's answers in memory, shared by the students that one worker trains in turn."""

    def __init__(self, run: Run) -> None:
        """Nothing is read before it is needed; of the images, none but those of `train` and `val`.

        Args:
            run: with its image table and its teacher table.
        """
        self._run = run
        record = run.require(run.images, "images")
        self.class_names: list[str] = record["class_names"]
        self._held_out = cache(lambda fit: load_pixels(run, ("val",), fit))
        self._train = cache(lambda fit, how, batched: load_feed(run, ("train",), fit, how=how, batched=batched))
        self._answers = cache(self._read_answers)

    def training_set(self, spec: StudentSpec) -> TrainingSet:
        """What the student of a student is taught; the larger student that it learns from, if it does, is finished.

        Raises:
            ArtifactError: the run's images or answers are not those of the student's identity.
        """
        require_inputs(self._run, spec.inputs)
        config = spec.config
        train = self._training_images(config)
        targets_NQ, of_mirrored_NQ = self._aspect_targets(spec, train)
        return TrainingSet(
            train=train,
            val=self._held_out(evaluation_fit(config)),
            aspect_targets_NQ=targets_NQ,
            mirrored_targets_NQ=of_mirrored_NQ,
            aspect_weights_Q=torch.tensor([aspect.weight for aspect in spec.aspects]),
            classes=class_targets(spec.arm, config, self._provided(spec, train)),
        )

    def new_student(self, spec: StudentSpec) -> Student:
        """The student of a student before training: the same for all arms of a seed."""
        torch.manual_seed(spec.seed)
        return task_of(spec.config).build(spec.config.student, classes=len(self.class_names), aspects=len(spec.aspects))

    def class_answers(self, spec: StudentSpec) -> Float64[np.ndarray, "C Q"] | None:
        """The teacher's mean answers about each class; None for the student of an arm without aspects."""
        if not ARMS[spec.arm].aspects:
            return None
        return answers_by_class(self._run, self._answers(tuple(Query(aspect.question) for aspect in spec.aspects)))

    def _aspect_targets(self, spec: StudentSpec, train: Feed) -> tuple[Tensor | None, Tensor | None]:
        """Targets [N, Q] of the images as they are, and of their mirrored views."""
        config, aspects = spec.config, spec.aspects
        labels_N = train.labels_N.numpy()

        def targets_from(queries: list[Query]) -> Float32[np.ndarray, "N Q"] | None:
            p_yes_NQ = soften(self._p_yes(queries, train), config.train.teacher_temperature)
            return aspect_targets(spec.arm, p_yes_NQ, labels_N, seed=spec.seed)

        questions = [aspect.question for aspect in aspects]
        targets_NQ = targets_from([Query(question) for question in questions])
        if targets_NQ is None:
            return None, None
        seen_mirrored_NQ = None
        if config.train.flip_targets == "view" and ARMS[spec.arm].uses_answers:
            seen_mirrored_NQ = targets_from(
                [Query(a.question, "mirrored" if a.orientation_sensitive else "plain") for a in aspects]
            )
        of_mirrored_NQ = mirrored_targets(
            targets_NQ,
            how=config.train.flip_targets,
            sensitive_Q=[aspect.orientation_sensitive for aspect in aspects],
            mirror_Q=[questions.index(aspect.mirror) if aspect.mirror in questions else None for aspect in aspects],
            seen_mirrored_NQ=seen_mirrored_NQ,
        )
        return torch.from_numpy(targets_NQ), torch.from_numpy(of_mirrored_NQ)

    def _provided(self, spec: StudentSpec, train: Feed) -> Provided:
        questions = class_questions(spec.config, self.class_names)
        return Provided(
            class_answers=lambda: self._p_yes([Query(text) for text in questions], train),
            larger_student=lambda: self._trained(spec.larger),
        )

    def _trained(self, spec: StudentSpec | None) -> Student:
        """A finished student, frozen."""
        assert spec is not None, "listed with every student whose arm needs it"
        folder = spec.folder(self._run)
        self._run.require(folder, "train", fingerprint=spec.identity)
        return load_bundle(folder).student

    def _training_images(self, config: Config) -> Feed:
        batched = config.train.views == "light"
        everything = self._train(training_fit(config), config.cluster.feed, batched)
        if config.train.train_fraction == 1:
            return everything
        return everything.subset(_share(everything, config.train.train_fraction))

    def _p_yes(self, queries: list[Query], images: Feed) -> Float32[np.ndarray, "N Q"]:
        return self._answers(tuple(queries)).p_yes_of(images.image_ids)

    def _read_answers(self, queries: tuple[Query, ...]) -> TeacherTable:
        return read_teacher_table(self._run, queries)


def _share(images: Feed, fraction: float) -> list[int]:
    """Rows of a share of each class, at least one: those whose ids have the lowest hashes, so shares are nested."""
    by_class: dict[int, list[int]] = {}
    for row, label in enumerate(images.labels_N.tolist()):
        by_class.setdefault(label, []).append(row)
    chosen = []
    for rows in by_class.values():
        rows.sort(key=lambda row: hashlib.sha256(images.image_ids[row].encode()).digest())
        chosen += rows[: max(1, round(fraction * len(rows)))]
    return sorted(chosen)
