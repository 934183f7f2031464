"""What a service says in JSON: of a student, and of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmkd_ray.config import ServeConfig
from mmkd_ray.prediction.explaining import Explanation, explain
from mmkd_ray.students.bundle import Prediction
from mmkd_ray.students.card import Card

_DIGITS = 6
"""Of probabilities."""


def replies_of(card: Card, said: Prediction, *, top_classes: int) -> list[dict[str, Any]]:
    """What the student says of N images, one mapping each.

    Args:
        card: of the student.
        said: of the N images.
        top_classes: how many classes are named.

    Returns:
        `{"class": ..., "probability": ..., "classes": [{"name", "probability"}, ...], "aspects": [{"question",
        "p_yes"}, ...], "explanation": ...}`, the most probable class first, questions in the student's order. The
        explanation is that of `mmkd predict --explain`, None where the card has no answers by class.
    """
    order_NC = np.argsort(-said.class_probabilities_NC, axis=1, kind="stable")[:, :top_classes]
    explanations = explain(card, said) if card.class_answers and card.questions else [None] * len(order_NC)
    replies = []
    for image, order_C in enumerate(order_NC):
        classes = [
            {"name": said.class_names[label], "probability": _rounded(said.class_probabilities_NC[image, label])}
            for label in order_C
        ]
        aspects = [
            {"question": question, "p_yes": _rounded(p_yes)}
            for question, p_yes in zip(said.questions, said.p_yes_NQ[image], strict=True)
        ]
        replies.append(
            {
                "class": classes[0]["name"],
                "probability": classes[0]["probability"],
                "classes": classes,
                "aspects": aspects,
                "explanation": _plain(explanations[image]),
            }
        )
    return replies


def metadata_of(card: Card, config: ServeConfig) -> dict[str, Any]:
    """The public facts of a student, and the limits of requests."""
    return {
        "name": card.name,
        "model": card.model,
        "task": card.task,
        "identity": card.identity,
        "classes": list(card.class_names),
        "questions": list(card.questions),
        "preprocessing": {
            "image_size": card.image_size,
            "fit": card.fit,
            "crop_pct": card.crop_pct,
            "interpolation": card.interpolation,
            "mean": list(card.mean),
            "std": list(card.std),
        },
        "measures": card.metrics,
        "limits": {
            "upload_bytes": config.max_upload_bytes,
            "pixels": config.max_pixels,
            "images": config.images_per_request,
            "url_prefixes": list(config.url_prefixes),
        },
    }


def _plain(explanation: Explanation | None) -> dict[str, Any] | None:
    """An explanation with rounded numbers."""
    if explanation is None:
        return None
    values = explanation.as_dict()
    for side in ("speaks_for", "speaks_against"):
        values[side] = [
            {key: _rounded(value) if isinstance(value, float) else value for key, value in one.items()}
            for one in values[side]
        ]
    return values


def _rounded(probability: Any) -> float:
    return round(float(probability), _DIGITS)
