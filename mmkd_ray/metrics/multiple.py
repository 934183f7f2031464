"""Many comparisons at once: how many would differ by chance, and which differ nevertheless."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float], *, level: float) -> list[bool]:
    """Which of some null hypotheses are rejected, with a chance of at most `level` that one of them is true.

    Holm's step-down procedure (Holm 1979); it needs no independence of the tests.

    Args:
        p_values: one a hypothesis.
        level: e.g. 0.05.
    """
    rejected = [False] * len(p_values)
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] > level / (len(p_values) - step):
            break
        rejected[place] = True
    return rejected
