"""The score of each question: numbers, a verdict with its reason, a rank."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.config import PilotConfig
from mmkd_ray.evidence.answers import PilotAnswers
from mmkd_ray.evidence.information import class_information, correlations, entropy, information_error
from mmkd_ray.evidence.ranking import by_information, mrmr

GOOD = "good"
_WORST_LAST = (GOOD, "redundant", "uninformative", "dead", "unstable", "unanswerable")
"""Verdicts, in the order in which their questions are ranked."""
_Z = 1.96


@dataclass(frozen=True)
class Score:
    """The score of one question. What was not measured is None."""

    question: str
    rank: int
    verdict: str
    """`good`; `redundant`: a better question has nearly the same answers; `uninformative`: the interval of its
    information about the class includes 0; `dead`: all images get the same answer; `unstable`: another wording gets
    other answers; `unanswerable`: the teacher says neither Yes nor No."""
    reason: str
    """The reason of the verdict; empty for `good`."""
    mean: float
    """Mean of P(yes) over the images."""
    std: float
    """Standard deviation of P(yes) over the images."""
    entropy: float
    """Entropy of the answer over the images, in bits: 1 if half of them get a Yes."""
    answer_mass: float | None
    """Mean P(yes) + P(no) over the whole vocabulary."""
    information: float
    """Mutual information of answer and class, in bits, corrected for bias."""
    information_low: float
    information_high: float
    """95 % interval by the bootstrap."""
    redundancy: float
    """Largest share of its variance that a single question ranked before it explains."""
    redundant_with: str | None
    """That question."""
    reworded_change: float | None
    """Mean |P(yes) - P(yes) of another wording|."""
    flipped_change: float | None
    """Mean |P(yes) - P(yes) about the flipped image|."""
    orientation_sensitive: bool
    tokens: int | None
    """Tokens that the question adds to an image's prompt."""

    def as_dict(self) -> dict[str, Any]:
        """All fields, for a table."""
        return asdict(self)


def score(
    aspects: Sequence[Aspect],
    answers: PilotAnswers,
    pilot: PilotConfig,
    *,
    by: str = "mrmr",
    least_mass: float,
    tokens: Mapping[str, int] | None = None,
) -> list[Score]:
    """Score and rank questions.

    Args:
        aspects: the questions, in the order of `answers`.
        answers: of the teacher.
        pilot: sample and limits.
        by: `mrmr` or `information`, the order among questions of one verdict.
        least_mass: mean answer mass below which a question is unanswerable.
        tokens: of each question, if known.

    Returns:
        In the order of the ranks. Good questions come first; then those with a verdict, the worst last.
    """
    p_NQ = answers.p_yes_NQ.astype(np.float64)
    information_Q = class_information(p_NQ, answers.label_N, seed=pilot.seed)
    error_Q = information_error(p_NQ, answers.label_N, resamples=pilot.bootstrap, seed=pilot.seed)
    mass_Q, reworded_Q, flipped_Q = _means(answers)
    explained_QQ = correlations(p_NQ) ** 2
    verdicts: dict[int, tuple[str, str]] = {}
    for q in range(len(aspects)):
        found = _defect(p_NQ[:, q], mass_Q[q], reworded_Q[q], information_Q[q] - _Z * error_Q[q], pilot, least_mass)
        if found:
            verdicts[q] = found
    order = by_information(information_Q) if by == "information" else mrmr(information_Q, p_NQ)
    verdicts |= _redundant(by_information(information_Q), verdicts, explained_QQ, aspects, pilot)
    order.sort(key=lambda q: _WORST_LAST.index(verdicts.get(q, (GOOD, ""))[0]))
    scores = []
    for rank, q in enumerate(order, start=1):
        before = order[: rank - 1]
        twin = max(before, key=lambda other: explained_QQ[q, other]) if before else None
        verdict, reason = verdicts.get(q, (GOOD, ""))
        scores.append(
            Score(
                question=aspects[q].question, rank=rank, verdict=verdict, reason=reason,
                mean=float(p_NQ[:, q].mean()), std=float(p_NQ[:, q].std()),
                entropy=float(entropy(p_NQ[:, q].mean())), answer_mass=_known(mass_Q[q]),
                information=float(information_Q[q]),
                information_low=float(max(0.0, information_Q[q] - _Z * error_Q[q])),
                information_high=float(max(0.0, information_Q[q] + _Z * error_Q[q])),
                redundancy=0.0 if twin is None else float(explained_QQ[q, twin]),
                redundant_with=None if twin is None else aspects[twin].question,
                reworded_change=_known(reworded_Q[q]), flipped_change=_known(flipped_Q[q]),
                orientation_sensitive=aspects[q].orientation_sensitive,
                tokens=(tokens or {}).get(aspects[q].question),
            )
        )  # fmt: skip
    return scores


def _means(answers: PilotAnswers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each question: answer mass, change by rewording, change by flipping; nan where unknown."""
    p_NQ = answers.p_yes_NQ.astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no values is nan, as intended
        return (
            np.nanmean(answers.mass_NQ.astype(np.float64), axis=0),
            np.nanmean(np.abs(p_NQ - answers.reworded_NQ), axis=0),
            np.nanmean(np.abs(p_NQ - answers.flipped_NQ), axis=0),
        )


def _defect(
    p_N: Float64[np.ndarray, " N"],
    mass: float,
    reworded_change: float,
    least_information: float,
    pilot: PilotConfig,
    least_mass: float,
) -> tuple[str, str] | None:
    """Verdict and reason for a question that is unusable regardless of the others; None if it is usable."""
    if mass < least_mass:
        return "unanswerable", f"the teacher says neither Yes nor No: P(yes) + P(no) is {mass:.2f} on average"
    spread = p_N.std()
    # A question with a few confident Yes is not dead, even if their small number makes the deviation small.
    if spread < pilot.dead_below and len(np.unique(p_N > 0.5)) == 1:
        word = "Yes" if p_N.mean() > 0.5 else "No"
        return "dead", f"every image gets {word}: P(yes) is {p_N.mean():.3f} +- {spread:.3f}"
    if reworded_change > min(pilot.unstable_above, spread):
        change = f"another wording changes P(yes) by {reworded_change:.2f} on average"
        return "unstable", change + (f", more than the images do ({spread:.2f})" if reworded_change > spread else "")
    if least_information <= 0:
        return "uninformative", "its answers give no more information about the class than chance"
    return None


def _redundant(
    order: Sequence[int],
    verdicts: Mapping[int, tuple[str, str]],
    explained_QQ: Float64[np.ndarray, "Q Q"],
    aspects: Sequence[Aspect],
    pilot: PilotConfig,
) -> dict[int, tuple[str, str]]:
    """Verdict and reason for questions whose answers a better question, which is kept, nearly determines."""
    found: dict[int, tuple[str, str]] = {}
    kept: list[int] = []
    for q in order:
        if q in verdicts:
            continue
        twin = max(kept, key=lambda other: explained_QQ[q, other]) if kept else None
        if twin is not None and explained_QQ[q, twin] > pilot.redundant_above:
            found[q] = (
                "redundant",
                f"'{aspects[twin].question}' explains {100 * explained_QQ[q, twin]:.0f} % of its variance",
            )
        else:
            kept.append(q)
    return found


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
