"""How well probabilities agree with the truth, as pure functions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import rankdata

_BINS = 10


def area_under_curve(p_N: Float64[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"]) -> float | None:
    """Probability that an image with the truth Yes has a higher P(yes) than one without; ties count half."""
    positive = int(right_N.sum())
    negative = len(right_N) - positive
    if not positive or not negative:
        return None
    above = rankdata(p_N)[right_N].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def calibration_error(p_N: Float64[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"]) -> float:
    """Mean distance of P(yes) and the share of true ones, over bins of P(yes), weighted by their images."""
    bins = np.minimum((p_N * _BINS).astype(int), _BINS - 1)
    gaps = [abs(p_N[bins == b].mean() - right_N[bins == b].mean()) * (bins == b).sum() for b in np.unique(bins)]
    return float(sum(gaps) / len(p_N))
