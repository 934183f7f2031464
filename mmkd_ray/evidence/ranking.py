"""The order of questions by evidence."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from mmkd_ray.evidence.information import correlations


def by_information(information_Q: Float64[np.ndarray, " Q"]) -> list[int]:
    """Questions by their information about the class, largest first; ties keep the given order."""
    return np.argsort(-information_Q, kind="stable").tolist()


def mrmr(information_Q: Float64[np.ndarray, " Q"], p_yes_NQ: Float64[np.ndarray, "N Q"]) -> list[int]:
    """Minimum redundancy, maximum relevance: the next question is the one with the largest relevance / redundancy.

    Relevance is the information about the class, redundancy the mean absolute correlation with the questions chosen so
    far (Peng et al. 2005, arXiv cs/0310015 for the idea; Zhao et al. 2019, arXiv 1908.05376 for the correlation
    quotient). The redundancy is at least 2 / sqrt(N), which two unrelated questions have by chance: else the first
    question that happens to be uncorrelated would come next, even with little information. Deterministic; ties keep the
    given order.
    """
    by_chance = 2 / np.sqrt(max(len(p_yes_NQ), 4))
    redundancy_QQ = np.abs(correlations(p_yes_NQ))
    left = by_information(information_Q)
    order: list[int] = []
    while left:
        redundancy = redundancy_QQ[np.ix_(left, order)].mean(axis=1) if order else np.ones(len(left))
        score = np.maximum(information_Q[left], 0) / np.maximum(redundancy, by_chance)
        order.append(left.pop(int(np.argmax(score))))
    return order
