"""How well probabilities agree with the truth, as pure functions."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from mmkd_ray.metrics.classification import roc_auc

BINS = 15
"""Of the calibration error of classes (Guo et al. 2017, arXiv 1706.04599)."""
_COLDEST, _HOTTEST = 0.05, 20.0


def area_under_curve(p_N: Float64[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"]) -> float | None:
    """`roc_auc` of P(yes) against the truth; None, which JSON and tables can hold, where all images have one truth."""
    area = roc_auc(p_N, right_N)
    return None if math.isnan(area) else area


def calibration_error(
    p_N: Float[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"], *, bins: int = 10, adaptive: bool = False
) -> float:
    """Mean distance of a probability and the share of true ones, over bins of it, weighted by their images (ECE).

    Args:
        p_N: probabilities.
        right_N: whether that which has the probability is true.
        bins: their number, at most.
        adaptive: bins of equally many images in the order of `p_N` (Nguyen and O'Connor 2015), and not of equal width.
    """
    gaps = [abs(p_N[rows].mean() - right_N[rows].mean()) * len(rows) for rows in _bins(p_N, bins, adaptive=adaptive)]
    return float(sum(gaps) / len(p_N))


def reliability(
    p_N: Float[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"], *, bins: int = BINS
) -> list[tuple[float, float, int]]:
    """Mean probability, share of true ones, and number of images, for each bin of equal width that has some."""
    return [
        (float(p_N[rows].mean()), float(right_N[rows].mean()), len(rows)) for rows in _bins(p_N, bins, adaptive=False)
    ]


def _bins(p_N: Float[np.ndarray, " N"], bins: int, *, adaptive: bool) -> list[Int[np.ndarray, " K"]]:
    if adaptive:
        return [rows for rows in np.array_split(np.argsort(p_N, kind="stable"), bins) if len(rows)]
    bin_N = np.minimum((p_N * bins).astype(int), bins - 1)
    return [np.flatnonzero(bin_N == number) for number in np.unique(bin_N)]


def log_probabilities(
    class_logits_NC: Float[np.ndarray, "N C"], *, temperature: float = 1.0
) -> Float64[np.ndarray, "N C"]:
    """Logarithm of the softmax over classes."""
    return log_softmax(class_logits_NC.astype(np.float64) / temperature, axis=1)


def negative_log_likelihood(log_p_NC: Float64[np.ndarray, "N C"], labels_N: Int[np.ndarray, " N"]) -> float:
    """Mean of -log P(true class), in nats."""
    return float(-np.take_along_axis(log_p_NC, labels_N[:, None], axis=1).mean())


def brier_score(log_p_NC: Float64[np.ndarray, "N C"], labels_N: Int[np.ndarray, " N"]) -> float:
    """Mean squared distance of the probabilities to 1 for the true class and 0 for the others, in [0, 2]."""
    distance_NC = np.exp(log_p_NC)
    distance_NC[np.arange(len(labels_N)), labels_N] -= 1
    return float((distance_NC**2).sum(axis=1).mean())


def fit_temperature(class_logits_NC: Float[np.ndarray, "N C"], labels_N: Int[np.ndarray, " N"]) -> float:
    """The temperature that the logits are to be divided by: least negative log-likelihood of these images.

    Temperature scaling (arXiv 1706.04599, section 4.2), searched between 0.05 and 20 on a logarithmic scale.
    """

    def loss(log_temperature: float) -> float:
        scaled = log_probabilities(class_logits_NC, temperature=math.exp(log_temperature))
        return negative_log_likelihood(scaled, labels_N)

    bounds = (math.log(_COLDEST), math.log(_HOTTEST))
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)
