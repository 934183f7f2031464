"""Whether the class that a student names fits the aspects that it sees."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int
from scipy.special import expit

_LEAST = 1e-3
"""Answers of a class are taken to be at least so uncertain."""


def class_answers(
    p_yes_NQ: Float[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"], *, classes: int
) -> Float64[np.ndarray, "C Q"]:
    """Mean answer about each class's images; 0.5 for a class of which nothing was answered.

    Args:
        p_yes_NQ: the teacher's answers about training images; nan where there is none.
        labels_N: their classes.
        classes: C.
    """
    answered_NQ = np.isfinite(p_yes_NQ)
    means = np.full((classes, p_yes_NQ.shape[1]), 0.5)
    for label in range(classes):
        of_class_NQ, counted_Q = p_yes_NQ[labels_N == label], answered_NQ[labels_N == label].sum(axis=0)
        total_Q = np.where(np.isfinite(of_class_NQ), of_class_NQ, 0).sum(axis=0)
        means[label] = np.where(counted_Q > 0, total_Q / np.maximum(counted_Q, 1), 0.5)
    return means


def agreement(
    aspect_logits_NQ: Float[np.ndarray, "N Q"],
    named_N: Int[np.ndarray, " N"],
    class_answers_CQ: Float64[np.ndarray, "C Q"],
) -> Float64[np.ndarray, " N"]:
    """Mean over questions of the log-likelihood of what the student sees, under the answers of the class it names.

    Higher is better: 0 where both are certain and the same.
    """
    seen_NQ = expit(aspect_logits_NQ.astype(np.float64))
    expected_NQ = class_answers_CQ.clip(_LEAST, 1 - _LEAST)[named_N]
    return (seen_NQ * np.log(expected_NQ) + (1 - seen_NQ) * np.log(1 - expected_NQ)).mean(axis=1)
