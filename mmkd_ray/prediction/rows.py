"""Predictions as rows of a table: a row for each image, broken ones included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mmkd_ray.prediction.explaining import Explanation
from mmkd_ray.students.bundle import Prediction
from mmkd_ray.students.card import Card

_EVIDENCE = pa.list_(
    pa.struct(
        {
            "question": pa.string(),
            "p_yes": pa.float32(),
            "class_yes": pa.float32(),
            "runner_up_yes": pa.float32(),
            "log_odds": pa.float32(),
        }
    )
)
EXPLANATION = pa.struct(
    {
        "runner_up": pa.string(),
        "speaks_for": _EVIDENCE,
        "speaks_against": _EVIDENCE,
        "fits_best": pa.string(),
        "warning": pa.string(),
    }
)
"""`Explanation.as_dict`."""


def columns(card: Card, *, explains: bool) -> pa.Schema:
    """The table's schema; its metadata name the classes and the questions, in order."""
    named = {"class_names": card.class_names, "questions": card.questions}
    return pa.schema(
        {
            "image": pa.string(),
            "error": pa.string(),  # why it cannot be read: then all that follows is null
            "class": pa.string(),
            "confidence": pa.float32(),  # the class's probability
            "probabilities": pa.list_(pa.float32()),  # C, by class
            "aspects": pa.list_(pa.float32()),  # Q, P(yes) by question
            **({"explanation": EXPLANATION} if explains else {}),
        },
        metadata={key: json.dumps(names) for key, names in named.items()},
    )


def make_rows(
    names: Sequence[str],
    errors: Sequence[str | None],
    prediction: Prediction,
    explanations: Sequence[Explanation] | None,
) -> pa.Table:
    """The rows of some images.

    Args:
        names: of all of them.
        errors: why each cannot be read; None for one that could.
        prediction: of those that could, in order.
        explanations: of the same, if they are wanted.
    """
    good = np.flatnonzero([error is None for error in errors])

    def spread(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        cells: list[Any] = [None] * len(names)
        for place, value in zip(good, values, strict=True):
            cells[place] = value
        return pa.array(cells, kind)

    numbers = pa.list_(pa.float32())
    table = {
        "image": pa.array(names, pa.string()),
        "error": pa.array(errors, pa.string()),
        "class": spread(prediction.classes, pa.string()),
        "confidence": spread(prediction.class_probabilities_NC.max(axis=1, initial=0), pa.float32()),
        "probabilities": spread(list(prediction.class_probabilities_NC), numbers),
        "aspects": spread(list(prediction.p_yes_NQ), numbers),
    }
    if explanations is not None:
        table["explanation"] = spread([one.as_dict() for one in explanations], EXPLANATION)
    return pa.table(table)


def by_name(row: dict[str, Any], card: Card) -> dict[str, Any]:
    """A row with its numbers by class and by question, as JSON lines have it; of a broken image `image` and `error`."""
    if row["error"] is not None:
        return {"image": row["image"], "error": row["error"]}
    named = {
        "image": row["image"],
        "class": row["class"],
        "confidence": _short(row["confidence"]),
        "probabilities": dict(zip(card.class_names, map(_short, row["probabilities"]), strict=True)),
        "aspects": dict(zip(card.questions, map(_short, row["aspects"]), strict=True)),
    }
    return {**named, "explanation": _shortened(row["explanation"])} if "explanation" in row else named


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    return _short(value) if isinstance(value, float) else value


def _short(value: float) -> float:
    """A float32 without the digits that it does not have."""
    return float(f"{value:.6g}")
