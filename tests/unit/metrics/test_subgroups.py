import numpy as np
import pytest

from mmkd_ray.metrics.subgroups import by_subgroup


def test_worst_gap_and_means_by_hand():
    groups = ["land", "land", "water", "water", "water", "water"]
    found = by_subgroup(groups, np.array([True, True, True, False, False, False]), {"land": 90, "water": 10})
    assert found.accuracy == {"land": 1.0, "water": 0.25}
    assert (found.worst, found.gap, found.mean) == (0.25, 0.75, 0.625)
    assert found.weighted_mean == pytest.approx(0.9 * 1 + 0.1 * 0.25)
