"""Why a class: which aspects speak for it and which for the runner-up, and whether another class fits them better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from mmkd_ray.errors import ArtifactError
from mmkd_ray.metrics.agreement import agreement_with_all, log_odds
from mmkd_ray.students.bundle import Prediction
from mmkd_ray.students.card import Card

REASONS = 3
"""Aspects that are named for a class, and as many against it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one question says of an image."""

    question: str
    p_yes: float
    """What the student takes the teacher's P(yes) for."""
    class_yes: float
    """The teacher's mean P(yes) about training images of the named class."""
    runner_up_yes: float
    """The same of the runner-up."""
    log_odds: float
    """What it adds to the log-odds of the named class against the runner-up, in nats (`metrics.agreement.log_odds`)."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a student names the class that it names."""

    named: str
    runner_up: str
    """The second most probable class."""
    speaks_for: tuple[Evidence, ...]
    """What speaks most for the named class and against the runner-up, strongest first."""
    speaks_against: tuple[Evidence, ...]
    """What speaks most for the runner-up, strongest first."""
    fits_best: str
    """The class whose training images were answered most like this image: the highest `metrics.agreement`."""

    @property
    def warning(self) -> str | None:
        """That class and aspects disagree; None where they do not."""
        if self.fits_best == self.named:
            return None
        return f"the aspects fit {self.fits_best} better than {self.named}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, the named class left out."""
        values = {**asdict(self), "warning": self.warning}
        del values["named"]
        return values


def require_explainable(card: Card) -> None:
    """Make sure that predictions of a student can be explained.

    Raises:
        ArtifactError: its card does not hold what the teacher answered about each class.
    """
    if card.class_answers is not None and card.questions:
        return
    if card.form != "student" and not card.questions:
        raise ArtifactError(
            f"'{card.name}' explains nothing: it was exported without its questions; export it again with --aspects"
        )
    missing = "answers of the teacher by class" if card.questions else "questions"
    raise ArtifactError(
        f"'{card.name}' explains nothing: its student.json has no {missing}; take a student of an arm with "
        "aspects, e.g. makd, trained by this version: delete its folder and run `mmkd train CONFIG` again"
    )


def explain(card: Card, prediction: Prediction) -> list[Explanation]:
    """An explanation of each image's class.

    Args:
        card: of the student.
        prediction: what it says of N images.

    Raises:
        ArtifactError: as for `require_explainable`.
    """
    require_explainable(card)
    answers_CQ = np.array(card.class_answers)
    first_N2 = np.argsort(-prediction.class_logits_NC, axis=1, kind="stable")[:, :2]
    log_odds_NQ = log_odds(prediction.aspect_logits_NQ, first_N2[:, 0], first_N2[:, 1], answers_CQ)
    fits_best_N = agreement_with_all(prediction.aspect_logits_NQ, answers_CQ).argmax(axis=1)
    return [
        Explanation(
            named=card.class_names[named],
            runner_up=card.class_names[runner_up],
            speaks_for=tuple(one for one in evidence[:REASONS] if one.log_odds > 0),
            speaks_against=tuple(one for one in evidence[: -REASONS - 1 : -1] if one.log_odds < 0),
            fits_best=card.class_names[fits_best_N[row]],
        )
        for row, (named, runner_up) in enumerate(first_N2.tolist())
        for evidence in [
            _evidence(card, prediction.p_yes_NQ[row], answers_CQ[named], answers_CQ[runner_up], log_odds_NQ[row])
        ]
    ]


def _evidence(
    card: Card,
    p_yes_Q: Float32[np.ndarray, " Q"],
    named_Q: Float64[np.ndarray, " Q"],
    other_Q: Float64[np.ndarray, " Q"],
    log_odds_Q: Float64[np.ndarray, " Q"],
) -> list[Evidence]:
    """What the questions that may be named say, what speaks most for the class first."""
    order = np.argsort(-log_odds_Q, kind="stable").tolist()
    # Each once, where there are few.
    ends = order if len(order) <= 2 * REASONS else [*order[:REASONS], *order[-REASONS:]]
    return [
        Evidence(card.questions[at], float(p_yes_Q[at]), float(named_Q[at]), float(other_Q[at]), float(log_odds_Q[at]))
        for at in ends
    ]
