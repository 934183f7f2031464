"""What decides a teacher table's numbers, and finding the one that a configuration asks for."""

from __future__ import annotations

from typing import Any

from mmkd_ray.artifacts import Run, fingerprint
from mmkd_ray.aspects.questions import load_aspects
from mmkd_ray.config import Config
from mmkd_ray.data.table import require_images
from mmkd_ray.extract.checkpoint import content_identity

SPLITS = ("train", "val")
"""The teacher is asked about these: train to learn from, val to see how well the student's aspects follow."""


def teacher_identity(config: Config, images: dict[str, Any]) -> str:
    """Fingerprint of images, questions, the teacher's weights and how it is asked.

    Args:
        config: the run's configuration.
        images: record of the image table.
    """
    return fingerprint(asked=what_is_asked(config, images), checkpoint=content_identity(config.teacher))


def what_is_asked(config: Config, images: dict[str, Any]) -> str:
    """Fingerprint of all of it but the teacher's weights, which a later stage need not have in reach."""
    return fingerprint(
        images=images["digest"],
        splits=SPLITS,
        questions=[aspect.question for aspect in load_aspects(config.aspects)],
        teacher=config.teacher.model_dump(exclude={"model", "revision"}),
    )


def require_teacher(config: Config, run: Run) -> dict[str, Any]:
    """The record of the teacher table of this configuration.

    Raises:
        ArtifactError: there is none, or other images, other questions or another prompt were asked.
    """
    return run.require(run.teacher, "extract", asked=what_is_asked(config, require_images(config, run)))
