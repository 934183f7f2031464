"""Cells of a study (an arm with a seed) and their identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmkd_ray.artifacts import Folder, Run, fingerprint
from mmkd_ray.config import ArmName, Config
from mmkd_ray.students.arms import uses_teacher


@dataclass(frozen=True)
class Cell:
    """One student to train."""

    arm: ArmName
    seed: int
    identity: str

    def __str__(self) -> str:
        """Name for people."""
        return f"{self.arm} seed {self.seed}"

    def folder(self, run: Run) -> Folder:
        """Where its artifacts go."""
        return run.cell(self.arm, self.seed)


def list_cells(config: Config, images: dict[str, Any], teacher: dict[str, Any], aspects: int) -> list[Cell]:
    """All cells of the study, arm after arm within a seed.

    Args:
        config: the run's configuration.
        images: record of the image table.
        teacher: record of the teacher table.
        aspects: Q.
    """
    return [
        Cell(arm, seed, _identity(config, arm, seed, images, teacher, aspects))
        for seed in config.study.seeds
        for arm in config.study.arms
    ]


def _identity(
    config: Config, arm: ArmName, seed: int, images: dict[str, Any], teacher: dict[str, Any], aspects: int
) -> str:
    train = config.train.model_dump(exclude=None if arm != "ce" else {"alpha"})
    return fingerprint(
        arm=arm,
        seed=seed,
        student=config.student.model_dump(),
        train=train,
        images=images["digest"],
        # Every arm has the same Q outputs; only some learn from the teacher's answers.
        aspects=aspects,
        teacher=teacher["fingerprint"] if uses_teacher(arm) else None,
    )
