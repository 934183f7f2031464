"""Information in the teacher's answers about the class, and about each other. Plain numpy.

An answer is treated as a random draw, yes with probability P(yes). So a teacher that is always unsure gives no
information about the class, even if its P(yes) varies a little with the class.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int64

_PERMUTATIONS = 20


def entropy(p: Float64[np.ndarray, ...]) -> Float64[np.ndarray, ...]:
    """Entropy of a yes/no answer in bits, 0 to 1."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


def class_information(
    p_yes_NQ: Float64[np.ndarray, "N Q"], label_N: Int64[np.ndarray, " N"], *, seed: int
) -> Float64[np.ndarray, " Q"]:
    """Mutual information of an answer and the class in bits, I(C; A) = H(A) - H(A | C), corrected for bias.

    A sample overestimates the information, more so the fewer images a class has. The bias is estimated as the mean
    information about randomly permuted labels (20 permutations), and subtracted.
    """
    rng = np.random.default_rng(seed)
    by_chance = [_information(p_yes_NQ, rng.permutation(label_N)) for _ in range(_PERMUTATIONS)]
    return _information(p_yes_NQ, label_N) - np.mean(by_chance, axis=0)


def information_error(
    p_yes_NQ: Float64[np.ndarray, "N Q"], label_N: Int64[np.ndarray, " N"], *, resamples: int, seed: int
) -> Float64[np.ndarray, " Q"]:
    """Standard error of `class_information` by the bootstrap: images are resampled within each class."""
    rng = np.random.default_rng(seed)
    rows_by_class = [np.flatnonzero(label_N == label) for label in np.unique(label_N)]
    estimates = []
    for _ in range(resamples):
        chosen = np.concatenate([rng.choice(rows, len(rows)) for rows in rows_by_class])
        estimates.append(_information(p_yes_NQ[chosen], label_N[chosen]))
    return np.std(estimates, axis=0, ddof=1) if resamples > 1 else np.zeros(p_yes_NQ.shape[1])


def correlations(p_yes_NQ: Float[np.ndarray, "N Q"]) -> Float[np.ndarray, "Q Q"]:
    """Pearson correlation of the answers to each pair of questions, -1 to 1; 0 for a question that never varies."""
    centred = p_yes_NQ - p_yes_NQ.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)
    return np.clip(unit.T @ unit, -1, 1)


def _information(p_yes_NQ: np.ndarray, label_N: np.ndarray) -> np.ndarray:
    _, members, counts = np.unique(label_N, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), p_yes_NQ.shape[1]))
    np.add.at(sums, members, p_yes_NQ)
    share = counts / len(label_N)
    return entropy(p_yes_NQ.mean(axis=0)) - share @ entropy(sums / counts[:, None])
