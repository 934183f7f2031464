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
    seen_NQ, expected_NQ = _seen(aspect_logits_NQ), _certain(class_answers_CQ)[named_N]
    return (seen_NQ * np.log(expected_NQ) + (1 - seen_NQ) * np.log(1 - expected_NQ)).mean(axis=1)


def agreement_with_all(
    aspect_logits_NQ: Float[np.ndarray, "N Q"], class_answers_CQ: Float64[np.ndarray, "C Q"]
) -> Float64[np.ndarray, "N C"]:
    """`agreement` with every class, whichever is named."""
    seen_NQ, expected_CQ = _seen(aspect_logits_NQ), _certain(class_answers_CQ)
    total_NC = seen_NQ @ np.log(expected_CQ).T + (1 - seen_NQ) @ np.log(1 - expected_CQ).T
    return total_NC / seen_NQ.shape[1]


def log_odds(
    aspect_logits_NQ: Float[np.ndarray, "N Q"],
    named_N: Int[np.ndarray, " N"],
    other_N: Int[np.ndarray, " N"],
    class_answers_CQ: Float64[np.ndarray, "C Q"],
) -> Float64[np.ndarray, "N Q"]:
    """What each question adds to the log-odds of one class against another, as naive Bayes counts it (in nats).

    With p the student's P(yes) and a, b the mean answers about both classes:
    p log(a / b) + (1 - p) log((1 - a) / (1 - b)), which is the expected log-likelihood ratio of an answer that is yes
    with probability p. Their sum over questions is Q times the difference of both classes' `agreement`. Questions are
    taken to be independent given the class (Duda and Hart 1973, section 2.10), which they are not.

    Args:
        aspect_logits_NQ: of the student.
        named_N: the class that positive values speak for.
        other_N: the class that negative values speak for.
        class_answers_CQ: see `class_answers`.
    """
    seen_NQ, expected_CQ = _seen(aspect_logits_NQ), _certain(class_answers_CQ)
    yes_CQ, no_CQ = np.log(expected_CQ), np.log(1 - expected_CQ)
    return seen_NQ * (yes_CQ[named_N] - yes_CQ[other_N]) + (1 - seen_NQ) * (no_CQ[named_N] - no_CQ[other_N])


def _seen(aspect_logits_NQ: Float[np.ndarray, "N Q"]) -> Float64[np.ndarray, "N Q"]:
    return expit(aspect_logits_NQ.astype(np.float64))


def _certain(class_answers_CQ: Float64[np.ndarray, "C Q"]) -> Float64[np.ndarray, "C Q"]:
    return class_answers_CQ.clip(_LEAST, 1 - _LEAST)
