"""How far a mean over images is known, given that other images of the same kind could have been the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

_RESAMPLES = 10_000
_SEED = 0
"""The same values give the same interval."""


@dataclass(frozen=True)
class Bounds:
    """An interval."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether it does not contain zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class ImageSample:
    """A value for each of N images: whether it is recognised, or the difference of two students in that."""

    values_N: Float64[np.ndarray, " N"]
    clusters_N: Int[np.ndarray, " N"]
    """Number of the object that each shows: images of one object are no independent draws. All different where nothing
    is known of objects."""


def sampling_interval(samples: Sequence[ImageSample], *, confidence: float) -> Bounds | None:
    """Interval of a mean over images: percentiles of the bootstrap (Efron and Tibshirani, Introduction to it, 13.3).

    What is drawn with replacement is objects, with all their images (the cluster bootstrap: Davison and Hinkley,
    Bootstrap Methods and their Application, 3.8), and so single images where each is an object of its own. Values that
    are differences of two students on the same image give the paired interval. It covers the choice of images, not the
    randomness of training.

    Args:
        samples: one, or several whose means are averaged with equal weight; each is resampled on its own.
        confidence: level of the interval, e.g. 0.95.

    Returns:
        None where resampling says nothing: a sample without images, with one object only, or with equal values for all
        (20 of 20 images recognised do not make an error impossible).
    """
    draws = [_resampled_means(sample, np.random.default_rng([_SEED, place])) for place, sample in enumerate(samples)]
    defined = [means for means in draws if means is not None]
    if not draws or len(defined) < len(draws):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.mean(defined, axis=0), [tail, 1 - tail])
    return Bounds(float(low), float(high))


def _resampled_means(sample: ImageSample, generator: np.random.Generator) -> Float64[np.ndarray, " R"] | None:
    """Means of R resamples.

    Objects with the same sum and number of images are exchangeable, so that only how many of each sort are drawn is
    random: a multinomial draw of a few numbers in place of one an object.
    """
    if len(np.unique(sample.values_N)) < 2:
        return None
    _, cluster_N = np.unique(sample.clusters_N, return_inverse=True)
    clusters_G2 = np.stack([np.bincount(cluster_N, weights=sample.values_N), np.bincount(cluster_N)], axis=1)
    if len(clusters_G2) < 2:
        return None
    sorts_K2, counts_K = np.unique(clusters_G2, axis=0, return_counts=True)
    drawn_RK = generator.multinomial(len(clusters_G2), counts_K / len(clusters_G2), size=_RESAMPLES)
    sums_R, images_R = (drawn_RK @ sorts_K2).T
    return sums_R / images_R
