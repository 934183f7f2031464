"""Statistics of a study: means, spreads and paired differences over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from mmkd_ray.metrics.sampling import Bounds

_NO_SPREAD = 1e-12
"""A standard deviation of rounding alone."""


@dataclass(frozen=True)
class PairedDifference:
    """Mean of the differences arm - baseline, seed by seed, with its interval.

    None with fewer than two seeds, and where all differences are the same: accuracies are counts, so that happens by
    chance, and says nothing of the spread.
    """

    mean: float
    low: float | None
    high: float | None
    """Student's t interval over the seeds: it covers the randomness of training."""
    per_seed: tuple[float, ...]
    over_images: Bounds | None = None
    """Of the mean over the seeds, paired image by image: it covers the choice of test images. None where not known."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval over seeds does not contain zero: the difference is not within the noise of training."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def seeds(self) -> str:
        """How many seeds, for people who look for an interval that is not there."""
        count = len(self.per_seed)
        return "one seed" if count == 1 else f"{count} seeds that differ by the same"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with `excludes_zero`."""
        return {**asdict(self), "per_seed": list(self.per_seed), "excludes_zero": self.excludes_zero}


def mean_and_std(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and standard deviation between the values (n - 1); None for fewer than two."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return float(np.mean(values)), spread


def paired_difference(arm: Sequence[float], baseline: Sequence[float], *, confidence: float) -> PairedDifference:
    """Student's t interval of the mean paired difference.

    A seed fixes the initial weights, the batches and the views of both, so its difference is that of the arms alone.
    The interval covers the randomness of training; the images are the same for all seeds.

    Args:
        arm: a result for each seed.
        baseline: the baseline's, in the same order of seeds.
        confidence: level of the interval, e.g. 0.95.
    """
    differences = np.asarray(arm, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    mean, std = mean_and_std(differences.tolist())
    low = high = None
    if std is not None and std > _NO_SPREAD:
        margin = float(student_t.ppf((1 + confidence) / 2, len(differences) - 1)) * std / math.sqrt(len(differences))
        low, high = mean - margin, mean + margin
    return PairedDifference(mean, low, high, tuple(differences.tolist()))
