"""Cells of a study (an arm with a seed) and their identity."""

from __future__ import annotations

from dataclasses import dataclass

from mmkd_ray.artifacts import Folder, Run, fingerprint
from mmkd_ray.aspects.questions import load_aspects
from mmkd_ray.config import ArmName, Config
from mmkd_ray.data.table import require_images
from mmkd_ray.extract.identity import require_teacher
from mmkd_ray.students.arms import BASELINE, uses_teacher


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


def list_cells(config: Config, run: Run) -> list[Cell]:
    """All cells of the study, arm after arm within a seed.

    Raises:
        ArtifactError: the image table or the teacher table of this configuration is not finished.
    """
    images, teacher = require_images(config, run), require_teacher(config, run)
    aspects = load_aspects(config.aspects)
    shared = {
        "student": config.student.model_dump(),
        "train": config.train.model_dump(exclude={"alpha"}),
        "images": images["digest"],
        # Every arm has the same Q outputs, whatever they are taught.
        "aspects": len(aspects),
    }
    # An answer does not depend on what else was asked: a table with more questions teaches the same.
    asked = teacher["asked"] | {"questions": [aspect.question for aspect in aspects]}
    taught = {
        "alpha": config.train.alpha,
        "orientation_sensitive": [aspect.orientation_sensitive for aspect in aspects],
    }

    def identity(arm: ArmName, seed: int) -> str:
        targets = None if arm == BASELINE else taught
        answers = asked if uses_teacher(arm) else None
        return fingerprint(arm=arm, seed=seed, **shared, targets=targets, answers=answers)

    return [Cell(arm, seed, identity(arm, seed)) for seed in config.study.seeds for arm in config.study.arms]


def trained_cells(config: Config, run: Run) -> list[Cell]:
    """All cells of the study, each trained.

    Raises:
        ArtifactError: one is not, or was trained for another configuration.
    """
    cells = list_cells(config, run)
    for cell in cells:
        run.require(cell.folder(run), "train", fingerprint=cell.identity)
    return cells
