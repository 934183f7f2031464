"""What a process of the evaluation does: a student's predictions, written down at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mmkd_ray.artifacts import Run
from mmkd_ray.data.feed.pixels import Pixels, load_pixels
from mmkd_ray.data.fit import Fit
from mmkd_ray.evaluate.pieces import PREDICTIONS, Piece
from mmkd_ray.evaluate.probes import PROBES
from mmkd_ray.students.bundle import CARD, Bundle, load_bundle
from mmkd_ray.study.inputs import require_inputs
from mmkd_ray.tasks import TASKS

_held: dict[tuple[object, ...], Pixels] = {}
"""The images that this process has decoded last."""
_students: dict[tuple[str, bytes], Bundle] = {}
"""The students that this process has used last, by where they lie and their cards, which name the hash of the weights:
to build a model takes as long as to look at a hundred small images."""


def predict_pieces(pieces: Sequence[Piece], run: Run, device: torch.device) -> list[str]:
    """Make and write the predictions of pieces of work that differ in their students alone.

    Args:
        pieces: what to do; the students are trained, and see the same images.
        run: with its image table.
        device: where to compute.

    Returns:
        What there is to say about them.

    Raises:
        ArtifactError: a student's bundle is damaged; the run's images or answers are not, or no longer, those of the
            students' identity.
        DataError: the decoded images do not fit on the disk.
    """
    _require_inputs(run, pieces)
    bundles = _trained(pieces, run)
    for bundle in bundles:
        bundle.student.to(device)
    first, card = pieces[0], bundles[0].card
    images = _held_out(run, first.images, first.splits, card.picture_fit)
    seen = PROBES[first.probe].seen(images, first.severity, bundles[0].student, first.spec.config.evaluate)
    tables = TASKS[card.task].predict([bundle.student for bundle in bundles], seen)
    _require_inputs(run, pieces)
    for piece, predictions in zip(pieces, tables, strict=True):
        folder = piece.folder(run)
        folder.write_table(PREDICTIONS, predictions)
        folder.finish(
            piece.identity, student=piece.spec.identity, probe=piece.probe, severity=piece.severity, images=len(seen)
        )
    return [f"{pieces[0]}: {warning}" for warning in seen.warnings]


def _require_inputs(run: Run, pieces: Sequence[Piece]) -> None:
    for inputs in {piece.spec.inputs for piece in pieces}:
        require_inputs(run, inputs)


def _trained(pieces: Sequence[Piece], run: Run) -> list[Bundle]:
    found: dict[tuple[str, bytes], Bundle] = {}
    for piece in pieces:
        folder = piece.spec.folder(run)
        key = folder.uri, folder.read_bytes(CARD) if folder.exists(CARD) else b""
        found[key] = _students.get(key) or load_bundle(folder)
    _students.clear()
    _students.update(found)
    return list(found.values())


def _held_out(run: Run, digest: str, splits: tuple[str, ...], fit: Fit) -> Pixels:
    """Decoded once for all pieces that this process is given one after the other."""
    key = (run, digest, splits, fit)
    if key not in _held:
        _held.clear()  # before the next ones are loaded: there need not be room for both
        _held[key] = load_pixels(run, splits, fit)
    return _held[key]
