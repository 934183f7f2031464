"""The evidence as tables: in storage, and as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmkd_ray.artifacts import Run
from mmkd_ray.console import Table
from mmkd_ray.evidence.scores import GOOD, Score

SCORES, PILOT, AUDIT = "scores.parquet", "pilot.parquet", "audit.parquet"
"""In `Run.evidence`: one row per question, by rank; one row per image of the sample, P(yes) by rank; one row per
audited question."""
_WIDTH = 60
_ENOUGH_IMAGES = 10
"""Images per class. Measured on simulated answers: with 10 the bias is -0.02 bits, with 1 it is -0.15 to -0.39."""


def caution(run: Run) -> str | None:
    """A warning about the scores of this sample; None if there is none."""
    labels = run.evidence.read_table(PILOT, columns=["label"])["label"].to_numpy()
    each = len(labels) / len(np.unique(labels))
    if each >= _ENOUGH_IMAGES:
        return None
    return (
        f"caution   {each:.1f} images per class: information is underestimated below {_ENOUGH_IMAGES} (the chance "
        "correction overshoots), most for the best questions; raise pilot.images"
    )


def summary_line(scores: Sequence[Score]) -> str:
    """How many questions have which verdict."""
    verdicts = [one.verdict for one in scores]
    parts = [f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys([GOOD, *verdicts])]
    return f"{len(scores)} questions: {', '.join(parts)}"


def score_table(scores: Sequence[Score]) -> Table:
    """One row per question, in the order of ranks; the reason of each verdict below it."""
    header = ("#", "question", "P(yes)", "bits", "+-", "redundant", "reworded", "flipped")
    rows = [
        (
            str(one.rank),
            _cut(one.question),
            f"{one.mean:.2f} +- {one.std:.2f}",
            f"{one.information:.3f}",
            f"{(one.information_high - one.information_low) / 2:.3f}",
            f"{one.redundancy:.2f}",
            _number(one.reworded_change),
            _number(one.flipped_change),
        )
        for one in scores
    ]
    notes = {row: f"{one.verdict}: {one.reason}" for row, one in enumerate(scores) if one.reason}
    return Table(header, rows, right=frozenset({0, 3, 4, 5, 6, 7}), notes=notes)


def audit_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One row per question, the least accurate first."""
    header = ("question", "accuracy", "AUC", "calibration error", "images")
    shown = [
        (
            _cut(row["question"]),
            f"{row['accuracy']:.3f}",
            _number(row["auc"], 3),
            f"{row['calibration_error']:.3f}",
            str(row["images"]),
        )
        for row in rows
    ]
    return Table(header, shown, right=frozenset({1, 2, 3, 4}))


def mean_accuracy_line(rows: Sequence[Mapping[str, Any]]) -> str:
    """The mean of an audit."""
    return f"mean accuracy of {len(rows)} questions: {sum(row['accuracy'] for row in rows) / len(rows):.4f}"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
