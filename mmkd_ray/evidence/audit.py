"""How often the teacher is right, question by question, where true attributes of the images are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mmkd_ray.evidence.answers import PilotAnswers
from mmkd_ray.metrics.calibration import area_under_curve, calibration_error


@dataclass(frozen=True)
class Audit:
    """The answers to one question, compared with the true ones."""

    question: str
    images: int
    """Number of images whose true answer is known."""
    share_true: float
    """Share of these images for which Yes is correct."""
    accuracy: float
    """Share of correct answers, Yes if P(yes) > 0.5."""
    auc: float | None
    """Area under the ROC curve: how well P(yes) separates the images, for any threshold; None if all images have the
    same true answer."""
    calibration_error: float
    """Expected calibration error of P(yes), 10 bins of equal width (Guo et al. 2017, of the positive class)."""
    brier: float
    """Mean squared error of P(yes)."""
    mean: float
    """Mean of P(yes) over these images."""

    def as_dict(self) -> dict[str, Any]:
        """All fields, for a table."""
        return asdict(self)


def audit(questions: Sequence[str], answers: PilotAnswers, truth: Mapping[str, Mapping[str, bool]]) -> list[Audit]:
    """Compare answers with the true ones.

    Args:
        questions: in the order of `answers`.
        answers: of the teacher.
        truth: {question: {image id: whether Yes is correct}}; questions and images may be missing.

    Returns:
        The questions with known true answers, the least accurate first.
    """
    audits = []
    for column, question in enumerate(questions):
        known = truth.get(question, {})
        rows = [row for row, image_id in enumerate(answers.image_ids) if image_id in known]
        if rows:
            right = np.array([known[answers.image_ids[row]] for row in rows])
            audits.append(_audit(question, answers.p_yes_NQ[rows, column].astype(np.float64), right))
    return sorted(audits, key=lambda one: (one.accuracy, one.question))


def _audit(question: str, p_N: np.ndarray, right_N: np.ndarray) -> Audit:
    return Audit(
        question=question,
        images=len(p_N),
        share_true=float(right_N.mean()),
        accuracy=float(((p_N > 0.5) == right_N).mean()),
        auc=area_under_curve(p_N, right_N),
        calibration_error=calibration_error(p_N, right_N),
        brier=float(((p_N - right_N) ** 2).mean()),
        mean=float(p_N.mean()),
    )
