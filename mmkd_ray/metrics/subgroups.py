"""Accuracy on the subgroups of a data set: the worst one, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool


@dataclass(frozen=True)
class Subgroups:
    """Accuracy by subgroup, in [0, 1]."""

    accuracy: dict[str, float]
    """By name of the subgroup."""
    weighted_mean: float
    """Over the subgroups, each with its share of the training images, as WILDS reports (arXiv 2012.07421)."""

    @property
    def worst(self) -> float:
        """That of the subgroup with the lowest (group DRO, arXiv 1911.08731)."""
        return min(self.accuracy.values())

    @property
    def mean(self) -> float:
        """Plain mean over the subgroups."""
        return float(np.mean(list(self.accuracy.values())))

    @property
    def gap(self) -> float:
        """Best less worst."""
        return max(self.accuracy.values()) - self.worst


def by_subgroup(groups_N: Sequence[str], right_N: Bool[np.ndarray, " N"], in_training: Mapping[str, int]) -> Subgroups:
    """Measure the subgroups of a split.

    Args:
        groups_N: of each image, the name of its subgroup.
        right_N: whether it is recognised.
        in_training: number of training images of each subgroup.
    """
    names = np.asarray(groups_N, dtype=object)
    accuracy = {name: float(right_N[names == name].mean()) for name in sorted(set(groups_N))}
    weights = {name: in_training.get(name, 0) for name in accuracy}
    total = sum(weights.values())
    weighted = sum(accuracy[name] * weight for name, weight in weights.items()) / total if total else float("nan")
    return Subgroups(accuracy, weighted)
