"""What a file of a program says of itself, for those who have nothing else."""

from __future__ import annotations

from typing import Any

from mmkd_ray.students.card import Card

_FITS = {
    "crop": "the largest square in the middle is cut out and resized",
    "squash": "the whole picture is resized to a square",
    "pad": "the whole picture is resized, and set in the middle of a square of the mean colour",
}


def metadata_of(card: Card) -> dict[str, Any]:
    """By key: what it is, the names of its outputs, and what its input must be; JSON values."""
    return {
        "name": card.name,
        "identity": card.identity,
        "task": card.task,
        "architecture": card.model,
        "class_names": list(card.class_names),
        "questions": list(card.questions),
        "preprocessing": {
            "size": card.image_size,
            "fit": card.fit,
            "crop_pct": card.crop_pct,
            "interpolation": card.interpolation,
            "channels": "RGB",
            "range": [0, 1],
            "layout": "[batch, 3, size, size]",
            "normalisation": "inside of the model",
        },
        "outputs": "class_logits: softmax gives probabilities; aspect_logits: sigmoid gives P(yes) of each question",
        "precision": card.precision,
    }


def preparation(card: Card) -> str:
    """How a picture becomes an input, in a sentence."""
    seen = "" if card.crop_pct == 1 else f"; of its side the middle {100 * card.crop_pct:g} % are kept"
    return (
        f"{_FITS[card.fit]} to {card.image_size} x {card.image_size} pixels ({card.interpolation}){seen}; RGB values "
        "divided by 255"
    )
