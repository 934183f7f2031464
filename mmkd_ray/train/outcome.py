"""What a finished student leaves behind: a bundle, its history, the record of its training."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from torch import Tensor

from mmkd_ray.artifacts import Folder
from mmkd_ray.students.bundle import write_bundle
from mmkd_ray.students.card import Card
from mmkd_ray.students.model import Student, student_input
from mmkd_ray.study.students import HISTORY, StudentSpec
from mmkd_ray.tasks import task_of
from mmkd_ray.train.loop import StudentTrainer

_DIGITS = 4
"""Of a mean answer in a card: it is of some dozens of images."""


def write_outcome(
    spec: StudentSpec,
    folder: Folder,
    trainer: StudentTrainer,
    class_names: list[str],
    class_answers_CQ: Float64[np.ndarray, "C Q"] | None,
) -> None:
    """Write the student with its best weights, and how it was trained; the record last.

    Args:
        spec: the student.
        folder: where to write; whatever it holds is deleted, predictions of another training among it.
        trainer: that has trained it to the end.
        class_names: in the order of the class outputs.
        class_answers_CQ: see `Card.class_answers`.
    """
    folder.delete()
    student, best_epoch = trainer.best_student()
    metric = task_of(spec.config).primary
    metrics = {metric.val_key: trainer.history[best_epoch][metric.val_key]}
    write_bundle(folder, _card(spec, student, class_names, metrics, class_answers_CQ), student)
    folder.write_json(HISTORY, trainer.history)
    folder.finish(
        spec.identity,
        variant=spec.variant,
        arm=spec.arm,
        seed=spec.seed,
        best_epoch=best_epoch,
        seconds=sum(epoch["seconds"] for epoch in trainer.history),
        continued_at=trainer.continued_at,
        workers=trainer.workers,
    )


def _card(
    spec: StudentSpec,
    student: Student,
    class_names: list[str],
    metrics: dict[str, float],
    class_answers_CQ: Float64[np.ndarray, "C Q"] | None,
) -> Card:
    config = spec.config.student
    taken = student_input(config)
    return Card(
        task=task_of(spec.config).name,
        identity=spec.identity,
        name=str(spec),
        model=config.model,
        model_args=config.model_args,
        classes=len(class_names),
        class_names=tuple(class_names),
        questions=tuple(aspect.question for aspect in spec.aspects),
        image_size=taken.size,
        interpolation=taken.interpolation,
        fit=spec.config.data.fit,
        crop_pct=taken.crop_pct,
        mean=_plain(student.mean),
        std=_plain(student.std),
        metrics=metrics,
        class_answers=None if class_answers_CQ is None else tuple(map(tuple, class_answers_CQ.round(_DIGITS).tolist())),
    )


def _plain(values_1C11: Tensor) -> tuple[float, ...]:
    """Float32 values by their shortest names: 0.485, not 0.48500001430511475."""
    return tuple(float(str(value)) for value in values_1C11.flatten().numpy())
