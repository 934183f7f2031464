"""The answers of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float32

MAX_LOG_P = 1e-3
"""A log of a probability is not above 0; so much is rounding, of endpoints that give few digits."""


@dataclass(frozen=True)
class Answers:
    """The teacher's answers about N images to Q questions: natural logs over the whole vocabulary.

    P(yes) = sigmoid(log_p_yes - log_p_no); the answer mass is exp(log_p_yes) + exp(log_p_no), 1 for a teacher that
    says nothing but the two answers. Cells that could not be asked are nan.
    """

    log_p_yes_NQ: Float32[np.ndarray, "N Q"]
    log_p_no_NQ: Float32[np.ndarray, "N Q"]
    failed: Mapping[int, str] = field(default_factory=dict)
    """Why an image could not be asked (all of) its questions, by its row."""

    def unexplained(self) -> list[int]:
        """Rows of images that have what is no log of a probability but are not in `failed`: the fault of an engine."""
        bad_NQ = ~(self.log_p_yes_NQ <= MAX_LOG_P) | ~(self.log_p_no_NQ <= MAX_LOG_P)
        return [row for row in np.flatnonzero(bad_NQ.any(axis=1)).tolist() if row not in self.failed]


def are_answers(log_p_NQ: Float32[np.ndarray, "N Q"]) -> Bool[np.ndarray, " N"]:
    """Whether all values of a row are logs of probabilities: neither nan nor infinite nor above 0."""
    return np.logical_and(np.isfinite(log_p_NQ), log_p_NQ <= MAX_LOG_P).min(axis=1, initial=True)


def p_yes(log_p_yes: Float32[np.ndarray, ...], log_p_no: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
    """P(yes) among the two answers: softmax(logit_yes, logit_no)[yes], as in the paper (section 3.2)."""
    difference = np.asarray(log_p_no, dtype=np.float64) - np.asarray(log_p_yes, dtype=np.float64)
    return (1 / (1 + np.exp(difference))).astype(np.float32)


def answer_mass(log_p_yes: Float32[np.ndarray, ...], log_p_no: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
    """P(yes) + P(no) over the whole vocabulary."""
    return np.exp(log_p_yes) + np.exp(log_p_no)


MASS_ADVICE = "change the prompt or the question, try teacher.tokens=all_variants, or lower the limit"


def mass_problem(
    mass_Q: np.ndarray, images: int, questions: Sequence[str], min_answer_mass: float, *, advice: str = MASS_ADVICE
) -> str:
    """The sentence about questions that the teacher does not answer, by the mean mass over so many images; or empty."""
    low = np.flatnonzero(mass_Q < min_answer_mass)
    if not len(low):
        return ""
    worst = low[np.argmin(mass_Q[low])]
    return (
        f"the teacher does not answer {len(low)} of {len(questions)} questions: the mean of P(yes) + P(no) over "
        f"{images} images is {mass_Q[worst]:.3g} for '{questions[worst]}', below extract.min_answer_mass = "
        f"{min_answer_mass:g}; {advice}"
    )
