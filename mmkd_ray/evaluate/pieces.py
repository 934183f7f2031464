"""The pieces of work of an evaluation: predictions of one student, seen by one probe at one severity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.config import Config
from mmkd_ray.data.table import require_images
from mmkd_ray.evaluate.probes import PROBES, Probe, chosen_probes
from mmkd_ray.identity import Identity, identify
from mmkd_ray.study.students import StudentSpec, distinct, trained_students

PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class Piece:
    """Predictions to be made, or made, of images that no student learns from."""

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
    held_out, evaluate = tuple(split for split in images["images"] if split != "train"), spec.config.evaluate
    return [
        Piece(
            spec, probe.name, severity, probe.splits(held_out), images["digest"],
            predictions_identity(spec, probe, severity, images["digest"]).key,
        )
        for probe in chosen_probes(evaluate)
        for severity in probe.severities(evaluate)
    ]  # fmt: skip


def in_shares(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces by what one task makes: alone, or all students that look at the same made images.

    Those that see the same images come one after the other: a process keeps the last ones that it decoded.
    """
    shares: dict[tuple[str, ...], list[Piece]] = {}
    for piece in pieces:
        config = piece.spec.config
        decoded = f"{config.student.model_dump_json()} {config.data.fit}"
        alone = () if PROBES[piece.probe].shared else (piece.identity,)
        shares.setdefault((decoded, piece.probe, f"{piece.severity:g}", *alone), []).append(piece)
    return [shares[key] for key in sorted(shares)]


def needs_predictions(config: Config, run: Run) -> bool:
    """Whether an evaluation has predictions to make, and so needs a cluster.

    Raises:
        ArtifactError: a student has not been trained.
    """
    return any(not piece.is_done(run) for piece in study_pieces(config, run))


def predictions_identity(spec: StudentSpec, probe: Probe, severity: float, digest: str) -> Identity:
    """What decides predictions: the student, how it is looked at, and the digest of the image table."""
    facts = probe.facts(spec.config.evaluate)
    return identify("predictions", student=spec.identity, probe=probe.name, severity=severity, images=digest, **facts)
