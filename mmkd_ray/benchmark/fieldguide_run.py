"""A run of the field guide whose images are drawn and whose teacher is always right: no engine is needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmkd_ray import fieldguide
from mmkd_ray.answers.identity import what_is_asked
from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.reading import read_answers
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.table import write_teacher_table
from mmkd_ray.answers.wanted import wanted_cells
from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.config import Config, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.attributes import true_answers
from mmkd_ray.identity import Identity, identify
from mmkd_ray.study.students import list_students
from mmkd_ray.tasks import task_of

CLASSES = 24
_SURE = 0.95
"""P(yes) of a true answer "yes"."""

SMALL_STUDENT = {
    "model": "resnet18",
    "model_args": {"layers": [1, 1, 1, 1], "channels": [16, 32, 64, 128], "stem_type": "deep", "stem_width": 8},
    "image_size": 64,
}
"""The student of the quickstart: its step is short, so that all around it shows."""


def study(folder: Path, name: str, *, per_class: dict[str, int], **sections: dict[str, Any]) -> Config:
    """A study of one student with the quickstart's recipe.

    Args:
        folder: the run goes into it.
        name: of the run.
        per_class: images of each species by split; one if unset.
        sections: keys that are laid over the recipe's.
    """
    tree: dict[str, Any] = {
        "data": {"source": "fieldguide"}
        | {f"{split}_per_class": per_class.get(split, 1) for split in fieldguide.SPLITS},
        "aspects": {"source": "fieldguide"},
        "teacher": {"kind": "no_inference"},
        "student": SMALL_STUDENT,
        "train": {"batch_size": 64, "optimizer": "adamw", "lr": 0.002, "weight_decay": 0.05, "alpha": 10},
        "study": {"arms": ["makd"], "seeds": [0]},
        "storage": {"path": str(folder)},
    }
    for section, keys in sections.items():
        tree[section] = {**tree.get(section, {}), **keys}
    return validate({"name": name, **tree})


def write_run(config: Config) -> Run:
    """The image table, and a teacher table of the true answers."""
    run = open_run(config.storage.path, config.name)
    images = build_image_table(config, run, lambda *_: None)
    asked = what_is_asked(config, run, images)
    wanted = wanted_cells(run, asked["questions"])
    store = AnswerStore(run, Identity.from_dict(asked["teacher"]))
    texts, ids = [query.question for query in wanted.queries], wanted.image_ids
    truth = true_answers(config.data, texts, ids, None)
    p_NQ = np.array([[_SURE if truth[text][image] else 1 - _SURE for text in texts] for image in ids])
    answers = Answers(np.log(p_NQ).astype(np.float32), np.log1p(-p_NQ).astype(np.float32), {})
    hashes = wanted.images["sha256"].to_pylist()
    store.begin()
    store.write(store.name(ids, hashes, wanted.queries), ids, hashes, wanted.queries, answers)
    identity = identify("teacher table", asked=asked).key
    read = partial(read_answers, store, wanted)
    write_teacher_table(run, read, {}, wanted, identity, asked, images["quarantined"], config.extract)
    return run


def train_students(config: Config, run: Run) -> None:
    """Every student of the study, trained in this process."""
    from mmkd_ray.students.model import student_input  # noqa: PLC0415 (seconds)
    from mmkd_ray.train.loop import StudentTrainer  # noqa: PLC0415
    from mmkd_ray.train.outcome import write_outcome  # noqa: PLC0415
    from mmkd_ray.train.study_data import StudyData  # noqa: PLC0415

    study_data = StudyData(run)
    for spec in list_students(config, run):
        student = study_data.new_student(spec)
        trainer = StudentTrainer(
            student, student, study_data.training_set(spec), spec.config.train,
            task=task_of(config), image_size=student_input(spec.config.student).size, seed=spec.seed,
        )  # fmt: skip
        for _ in range(config.train.epochs):
            trainer.run_epoch()
        write_outcome(spec, spec.folder(run), trainer, study_data.class_names, study_data.class_answers(spec))
