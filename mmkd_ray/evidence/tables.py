"""The evidence as tables: in storage, and as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmkd_ray.artifacts import Run
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


def score_table(scores: Sequence[Score]) -> str:
    """One line per question, in the order of ranks; the reason of each verdict below it."""
    lines = [f"{'#':>4}  {'question':<{_WIDTH}}  P(yes)         bits   +-     redundant  reworded  flipped"]
    for one in scores:
        error = (one.information_high - one.information_low) / 2
        lines.append(
            f"{one.rank:>4}  {_cut(one.question):<{_WIDTH}}  {one.mean:.2f} +- {one.std:.2f}  {one.information:>6.3f}  "
            f"{error:.3f}  {one.redundancy:>9.2f}  {_number(one.reworded_change):>8}  {_number(one.flipped_change):>7}"
        )
        if one.reason:
            lines.append(f"{'':>6}{one.verdict}: {one.reason}")
    return "\n".join(lines)


def audit_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per question, the least accurate first, and their mean."""
    lines = [f"{'question':<{_WIDTH}}  accuracy  AUC    calibration error  images"]
    lines += [
        f"{_cut(row['question']):<{_WIDTH}}  {row['accuracy']:>8.3f}  {_number(row['auc'], 3):>5}  "
        f"{row['calibration_error']:>17.3f}  {row['images']:>6}"
        for row in rows
    ]
    mean = sum(row["accuracy"] for row in rows) / len(rows)
    return "\n".join([*lines, f"mean accuracy of {len(rows)} questions: {mean:.4f}"])


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
