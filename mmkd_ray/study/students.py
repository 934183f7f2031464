"""Students of a study (a variant, an arm, a seed) and their identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmkd_ray.answers.identity import require_teacher
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.aspects.questions import Aspect, load_aspects
from mmkd_ray.config import ARMS, BASELINE, ArmName, Config, StudentConfig, of_variants
from mmkd_ray.config.arms import ASPECT_KEYS, AspectSource, ClassSource, source_keys
from mmkd_ray.data.table import require_images
from mmkd_ray.identity import Identity, identify, settings
from mmkd_ray.study.inputs import Inputs, answers_facts

HISTORY = "history.json"
"""In a finished student's folder, beside its bundle (`students.bundle`): what each epoch of its training came to."""


@dataclass(frozen=True)
class StudentSpec:
    """One student to train."""

    variant: str
    arm: ArmName
    seed: int
    identity: str
    config: Config
    """Of the variant."""
    aspects: tuple[Aspect, ...]
    """The questions, in order: a file of questions need not be on the node that trains."""
    inputs: Inputs
    """The images and answers that its identity holds."""
    larger: StudentSpec | None = None
    """The larger student that it learns from, if its arm does."""

    def __str__(self) -> str:
        """Name for people."""
        return " ".join(part for part in (self.variant, self.arm, f"seed {self.seed}") if part)

    def folder(self, run: Run) -> Folder:
        """Where its artifacts go. Students of the same identity are one student, whatever variants they stand in."""
        return run.study.child(f"{self.arm}-seed{self.seed}-{self.identity[:10]}")


def list_students(config: Config, run: Run) -> list[StudentSpec]:
    """All students of the study: within a variant, arm after arm within a seed.

    Raises:
        ArtifactError: the image table or the teacher table of this configuration is not finished.
    """
    images, teacher = require_images(config, run), require_teacher(config, run)
    inputs, specs = Inputs.of(images, teacher), []
    for name, variant in of_variants(config).items():
        larger = None
        if any(ARMS[arm].classes.larger_student for arm in variant.study.arms):
            larger = larger_student(variant, run, images, teacher)
        aspects = load_aspects(variant, run)
        identify = _Identities(variant, aspects, images, teacher, larger)
        specs += [
            StudentSpec(
                name, arm, seed, identify(arm, seed), variant, aspects, inputs,
                larger if ARMS[arm].classes.larger_student else None,
            )
            for seed in variant.study.seeds
            for arm in variant.study.arms
        ]  # fmt: skip
    return specs


def study_identity(specs: Sequence[StudentSpec]) -> Identity:
    """What decides a study: its students, in their order."""
    return identify("study", students=[spec.identity for spec in specs])


def distinct(specs: list[StudentSpec]) -> list[StudentSpec]:
    """Each student once, in the order of its first student."""
    return list({spec.identity: spec for spec in reversed(specs)}.values())[::-1]


def larger_student(config: Config, run: Run, images: Mapping[str, Any], teacher: Mapping[str, Any]) -> StudentSpec:
    """The student of the larger student that `kd` arms of a variant learn from: trained once, with the first seed."""
    assert config.study.kd_teacher is not None, "checked with the configuration"
    seed = config.study.seeds[0]
    teacher_config = config.model_copy(update={"student": config.study.kd_teacher})
    aspects = load_aspects(teacher_config, run)
    identity = _Identities(teacher_config, aspects, images, teacher)(BASELINE, seed)
    return StudentSpec("kd teacher", BASELINE, seed, identity, teacher_config, aspects, Inputs.of(images, teacher))


def larger_students(specs: list[StudentSpec]) -> list[StudentSpec]:
    """The students that must be trained before these can be."""
    return distinct([spec.larger for spec in specs if spec.larger])


def trained_students(config: Config, run: Run) -> list[StudentSpec]:
    """All students of the study, each trained.

    Raises:
        ArtifactError: one is not, or was trained for another configuration.
    """
    specs = list_students(config, run)
    for spec in specs:
        run.require(spec.folder(run), "train", fingerprint=spec.identity)
    return specs


def picture_facts(config: Config) -> dict[str, str]:
    """How pictures that are not square are seen, unless there are none. Students of version 0.1.0 saw their middle."""
    if config.data.squares:
        return {}
    return {"pictures": "whole" if config.data.fit == "crop" else config.data.fit}


class _Identities:
    """What decides a student of one variant: all of the recipe that its arm depends on, and nothing else."""

    def __init__(
        self,
        config: Config,
        aspects: tuple[Aspect, ...],
        images: Mapping[str, Any],
        teacher: Mapping[str, Any],
        larger: StudentSpec | None = None,
    ) -> None:
        self._config, self._aspects, self._larger = config, aspects, larger
        self._shared = {
            "student": _student_facts(config.student),
            "train": settings(config.train, exclude=source_keys("train")),
            "images": images["digest"],
            # Every arm has the same Q outputs, whatever they are taught.
            "aspects": len(aspects),
            **picture_facts(config),
        }
        # An answer does not depend on what else was asked: a table with more questions teaches the same.
        self._answers = answers_facts(teacher)

    def __call__(self, arm: ArmName, seed: int) -> str:
        aspects, classes = ARMS[arm].aspects, ARMS[arm].classes
        facts = {"class targets": self._of_classes(classes)}
        if aspects:
            facts["aspect targets"] = self._of_aspects(aspects)
        return identify("student", arm=arm, seed=seed, **self._shared, **facts).key

    def _of_aspects(self, source: AspectSource) -> dict[str, Any]:
        taught = {"orientation_sensitive", "mirror", "weight"}
        facts = {
            "source": source.name,
            **self._values(ASPECT_KEYS),
            "aspects": [settings(aspect, include=taught) for aspect in self._aspects],
        }
        if source.asks_aspects:
            facts["answers"] = {**self._answers, "questions": [aspect.question for aspect in self._aspects]}
        return facts

    def _of_classes(self, source: ClassSource) -> dict[str, Any]:
        facts = {"source": source.name, **self._values(source.keys)}
        if source.asks_classes:
            facts["answers"] = self._answers
        if source.larger_student:
            assert self._larger is not None, "given for every variant with such an arm"
            facts["larger_student"] = self._larger.identity
        return facts

    def _values(self, paths: Sequence[str]) -> dict[str, Any]:
        """What the configuration says at some `section.key`, where it is not the default."""
        values = {}
        for path in paths:
            section, _, key = path.partition(".")
            found = settings(getattr(self._config, section), include={key})
            values |= {f"{section}.{name}": value for name, value in found.items()}
        return values


def _student_facts(student: StudentConfig) -> dict[str, Any]:
    """The student's keys, with the content of a file of weights in place of where it lies."""
    facts = settings(student)
    if isinstance(student.pretrained, str) and Path(student.pretrained).is_file():
        facts["pretrained"] = hashlib.sha256(Path(student.pretrained).read_bytes()).hexdigest()
    return facts
