"""How well probabilities agree with the truth, as pure functions."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float64

from mmkd_ray.metrics.classification import roc_auc

_BINS = 10


def area_under_curve(p_N: Float64[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"]) -> float | None:
    """`roc_auc` of P(yes) against the truth; None, which JSON and tables can hold, where all images have one truth."""
    area = roc_auc(p_N, right_N)
    return None if math.isnan(area) else area


def calibration_error(p_N: Float64[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"]) -> float:
    """Mean distance of P(yes) and the share of true ones, over bins of P(yes), weighted by their images."""
    bins = np.minimum((p_N * _BINS).astype(int), _BINS - 1)
    gaps = [abs(p_N[bins == b].mean() - right_N[bins == b].mean()) * (bins == b).sum() for b in np.unique(bins)]
    return float(sum(gaps) / len(p_N))
