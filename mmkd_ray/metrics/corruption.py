"""Errors under corruptions, summed up as ImageNet-C does (Hendrycks and Dietterich 2019, arXiv 1903.12261)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

Errors = Mapping[str, Float64[np.ndarray, " S"]]
"""By corruption: the error at each of its S severities."""


def mean_corruption_error(errors: Errors, baseline: Errors) -> float:
    """mCE: the errors of each corruption as a share of the baseline's, averaged; 1 is the baseline's own.

    nan where the baseline makes no error.
    """
    return _mean_ratio({name: errors[name].sum() for name in errors}, {name: baseline[name].sum() for name in errors})


def relative_corruption_error(errors: Errors, clean: float, baseline: Errors, baseline_clean: float) -> float:
    """Relative mCE: the same for what corruptions add to the error on clean images. nan where they add none."""
    return _mean_ratio(
        {name: (errors[name] - clean).sum() for name in errors},
        {name: (baseline[name] - baseline_clean).sum() for name in errors},
    )


def _mean_ratio(of: Mapping[str, float], over: Mapping[str, float]) -> float:
    if not all(over[name] > 0 for name in of):
        return float("nan")
    return float(np.mean([of[name] / over[name] for name in of]))
