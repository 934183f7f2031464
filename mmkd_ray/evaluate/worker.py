"""What a process of the evaluation does: a student's predictions, written down at once."""

from __future__ import annotations

import torch

from mmkd_ray.artifacts import Run
from mmkd_ray.data.feed.pixels import Pixels, load_pixels
from mmkd_ray.data.fit import Fit
from mmkd_ray.evaluate.pieces import PREDICTIONS, Piece
from mmkd_ray.evaluate.probes import PROBES
from mmkd_ray.students.bundle import load_bundle
from mmkd_ray.study.inputs import require_inputs
from mmkd_ray.tasks import TASKS

_held: dict[tuple[object, ...], Pixels] = {}
"""The images that this process has decoded last."""


def predict_piece(piece: Piece, run: Run, device: torch.device) -> None:
    """Make and write the predictions of one piece of work.

    Args:
        piece: what to do; the student is trained.
        run: with its image table.
        device: where to compute.

    Raises:
        ArtifactError: the student's bundle is damaged; the run's images or answers are not, or no longer, those of the
            student's identity.
        DataError: the decoded images do not fit on the disk.
    """
    require_inputs(run, piece.spec.inputs)
    bundle = load_bundle(piece.spec.folder(run))
    bundle.student.to(device)
    images = _held_out(run, piece.images, piece.splits, bundle.card.picture_fit)
    seen = PROBES[piece.probe].apply(images, piece.severity)
    folder = piece.folder(run)
    predictions = TASKS[bundle.card.task].predict(bundle.student, seen)
    require_inputs(run, piece.spec.inputs)
    folder.write_table(PREDICTIONS, predictions)
    folder.finish(
        piece.identity, student=piece.spec.identity, probe=piece.probe, severity=piece.severity, images=len(seen)
    )


def _held_out(run: Run, digest: str, splits: tuple[str, ...], fit: Fit) -> Pixels:
    """Decoded once for all pieces that this process is given one after the other."""
    key = (run, digest, splits, fit)
    if key not in _held:
        _held.clear()  # before the next ones are loaded: there need not be room for both
        _held[key] = load_pixels(run, splits, fit)
    return _held[key]
