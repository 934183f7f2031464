"""Stratified, seeded splits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def stratified_cut(labels_N: Int[np.ndarray, " N"], *, fraction: float, seed: int) -> Int[np.ndarray, " M"]:
    """Choose about `fraction` of the rows, class by class, at least one of each class and never all of one.

    Args:
        labels_N: class of each row.
        fraction: share to choose, in (0, 1).
        seed: the same seed chooses the same rows of the same labels.

    Returns:
        Sorted indices of the chosen rows. A class with a single row keeps it.
    """
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in np.unique(labels_N):
        rows = generator.permutation(np.flatnonzero(labels_N == label))
        count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
        chosen.extend(rows[:count].tolist())
    return np.array(sorted(chosen), dtype=np.int64)
