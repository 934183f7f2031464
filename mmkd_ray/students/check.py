"""Whether the students of a study can be built and trained, before anything slow begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from mmkd_ray.config import ARMS, Config, StudentConfig, of_variants
from mmkd_ray.errors import StudentError, first_line
from mmkd_ray.students.model import build_student, check_student, student_input


def check_students(config: Config, *, images: int | None = None) -> None:
    """Build every student of a study, without pretrained weights, and have it take a worker's smallest training step.

    Args:
        config: the run's configuration; its variants are looked at as well.
        images: number of training images, where it is known: fewer than a batch make a smaller step.

    Raises:
        StudentError: one cannot be built, or cannot be trained on so few images a worker.
    """
    check_steps(_students(config), workers=config.cluster.most_train_workers, images=images)


def check_steps(students: Iterable[tuple[StudentConfig, int, float]], *, workers: int, images: int | None) -> None:
    """Build students, without pretrained weights, and have each take a worker's smallest training step.

    Args:
        students: each with its batch size and its share of the training images.
        workers: that share a batch.
        images: number of training images, where it is known: fewer than a batch make a smaller step.

    Raises:
        StudentError: as for `check_students`.
    """
    seen: list[tuple[StudentConfig, int]] = []
    for student, batch, fraction in students:
        # Only whether it is one image or more makes a difference.
        step = batch if images is None else min(batch, max(1, round(images * fraction)))
        share = min(step // workers, 2)
        if (student, share) not in seen:
            seen.append((student, share))
            check_student(student)
            _take_step(student, max(share, 1), batch, workers)


def _students(config: Config) -> Iterator[tuple[StudentConfig, int, float]]:
    """The students of all variants and those that they learn from; their batch size, and share of the images."""
    for variant in of_variants(config).values():
        yield variant.student, variant.train.batch_size, variant.train.train_fraction
        if variant.study.kd_teacher and any(ARMS[arm].classes.larger_student for arm in variant.study.arms):
            yield variant.study.kd_teacher, variant.train.batch_size, variant.train.train_fraction


def _take_step(config: StudentConfig, share: int, batch: int, workers: int) -> None:
    student = build_student(config.model_copy(update={"pretrained": False}), classes=2, aspects=1).train()
    size = student_input(config).size
    try:
        classes_BC, aspects_BQ = student(torch.zeros(share, 3, size, size))
        (classes_BC.sum() + aspects_BQ.sum()).backward()
    except Exception as error:  # timm's models raise whatever their own code does
        reason = first_line(error)
        raise StudentError(
            f"student: '{config.model}' cannot take a training step of {share} image{'s' if share > 1 else ''} "
            f"a worker (train.batch_size {batch}, {workers} worker{'s' if workers > 1 else ''}): {reason}"
            + (f"; batch normalisation needs more: set train.batch_size to {2 * workers} or more" if share == 1 else "")
        ) from error
