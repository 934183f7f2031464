"""What a student is made from: the images and the answers of its run, as its identity holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmkd_ray.artifacts import Run
from mmkd_ray.errors import ArtifactError
from mmkd_ray.identity import fingerprint


@dataclass(frozen=True)
class Inputs:
    """Which images and answers; workers compare them with what lies there when they read and when they finish."""

    images: str
    """Digest of the image table."""
    answers: str
    """Of the teacher table: its teacher and its images. More questions make no other answers."""

    @classmethod
    def of(cls, images: Mapping[str, Any], teacher: Mapping[str, Any]) -> Inputs:
        """By the records of both tables."""
        return cls(images["digest"], fingerprint(**answers_facts(teacher)))


def answers_facts(teacher: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the answers of a teacher table, by its record: not what else was asked."""
    return {key: value for key, value in teacher["asked"].items() if key != "questions"}


def require_inputs(run: Run, expected: Inputs) -> None:
    """Make sure that the images and answers of a run are those that a student's identity was made from.

    Raises:
        ArtifactError: they have been replaced since, or are not there.
    """
    found = Inputs.of(run.require(run.images, "images"), run.require(run.teacher, "extract"))
    for name in ("images", "answers"):
        if getattr(found, name) != getattr(expected, name):
            raise ArtifactError(
                f"the {name} of {run.folder.uri} were replaced while they were in use, so nothing of what was being "
                "trained or measured is recorded: run the same command again, another configuration under another name="
            )
