"""Prediction that may be withheld: the error among the images of which a model is surest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64


def risk_coverage(confidence_N: Float[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Share of errors among the k most confident images, for k = 1 ... N (coverage k / N).

    Images of equal confidence are taken together: each of them counts as the mean of them, so their order is of no
    consequence.
    """
    order_N = np.argsort(-confidence_N, kind="stable")
    _, tie_N, count = np.unique(-confidence_N[order_N], return_inverse=True, return_counts=True)
    wrong = np.bincount(tie_N, weights=~right_N[order_N]) / count
    return np.cumsum(wrong[tie_N]) / np.arange(1, len(right_N) + 1)


def area_under_risk_coverage(confidence_N: Float[np.ndarray, " N"], right_N: Bool[np.ndarray, " N"]) -> float:
    """AURC: mean of the risks at all coverages (Geifman and El-Yaniv 2017); 0 is best, the error rate is chance."""
    return float(risk_coverage(confidence_N, right_N).mean())
