"""What the teacher's answers say about the class, and about each other. Plain numpy.

An answer is a draw: yes with probability P(yes). So a teacher that is not sure of anything says nothing about the
class, however its hesitation varies.
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
    """Mutual information of an answer and the class in bits, I(C; A) = H(A) - H(A | C), without its bias.

    A sample shows information where there is none, the more, the fewer images a class has. What the same answers show
    about classes dealt out at random is taken off (the mean of 20 deals).
    """
    rng = np.random.default_rng(seed)
    by_chance = [_information(p_yes_NQ, rng.permutation(label_N)) for _ in range(_PERMUTATIONS)]
    return _information(p_yes_NQ, label_N) - np.mean(by_chance, axis=0)


def information_error(
    p_yes_NQ: Float64[np.ndarray, "N Q"], label_N: Int64[np.ndarray, " N"], *, resamples: int, seed: int
) -> Float64[np.ndarray, " Q"]:
    """Standard error of `class_information` by the bootstrap: images drawn anew within each class."""
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(label_N == label) for label in np.unique(label_N)]
    drawn = []
    for _ in range(resamples):
        chosen = np.concatenate([rng.choice(own, len(own)) for own in rows])
        drawn.append(_information(p_yes_NQ[chosen], label_N[chosen]))
    return np.std(drawn, axis=0, ddof=1) if resamples > 1 else np.zeros(p_yes_NQ.shape[1])


def correlations(p_yes_NQ: Float[np.ndarray, "N Q"]) -> Float[np.ndarray, "Q Q"]:
    """Pearson correlation of every two questions' answers, -1 to 1; 0 for one that never varies."""
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
