"""The pieces of work of an evaluation: predictions of one student, seen by one probe at one severity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.config import Config
from mmkd_ray.data.table import require_images
from mmkd_ray.evaluate.probes import CLEAN
from mmkd_ray.identity import Identity, identify
from mmkd_ray.study.students import StudentSpec, distinct, trained_students

PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class Piece:
    """Predictions to be made, or made: of the images of every split but train."""

    spec: StudentSpec
    probe: str
    severity: float
    splits: tuple[str, ...]
    images: str
    """Digest of the image table."""
    identity: str

    def __str__(self) -> str:
        """Name for people."""
        return f"{self.spec}, {self.probe} {self.severity:g}"

    def folder(self, run: Run) -> Folder:
        """Where its predictions go: with the student, so that they end with it."""
        name = f"{self.probe}-{self.severity:g}-{self.identity[:10]}"
        return self.spec.folder(run).child("predictions", name)

    def is_done(self, run: Run) -> bool:
        """Whether its predictions are on storage, whole."""
        return self.folder(run).finished(self.identity) is not None


def study_pieces(config: Config, run: Run) -> list[Piece]:
    """Every piece of a study's evaluation, each student once.

    Raises:
        ArtifactError: a student has not been trained.
    """
    images = require_images(config, run)
    return [piece for spec in distinct(trained_students(config, run)) for piece in pieces_of(spec, images)]


def pieces_of(spec: StudentSpec, images: dict[str, Any]) -> list[Piece]:
    """The pieces of one student.

    Args:
        spec: the student.
        images: the record of the image table.
    """
    splits = tuple(split for split in images["images"] if split != "train")
    return [
        Piece(
            spec, CLEAN.name, severity, splits, images["digest"],
            predictions_identity(spec, CLEAN.name, severity, images["digest"]).key,
        )
        for severity in CLEAN.severities
    ]  # fmt: skip


def needs_predictions(config: Config, run: Run) -> bool:
    """Whether an evaluation has predictions to make, and so needs a cluster.

    Raises:
        ArtifactError: a student has not been trained.
    """
    return any(not piece.is_done(run) for piece in study_pieces(config, run))


def predictions_identity(spec: StudentSpec, probe: str, severity: float, digest: str) -> Identity:
    """What decides predictions: the student, how it is looked at, and the digest of the image table."""
    return identify("predictions", student=spec.identity, probe=probe, severity=severity, images=digest)
