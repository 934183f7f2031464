import math

import numpy as np
import pytest

from mmkd_ray.metrics.corruption import mean_corruption_error, relative_corruption_error

BASELINE = {"fog": np.array([0.2, 0.4]), "snow": np.array([0.5, 0.5])}
OURS = {"fog": np.array([0.1, 0.2]), "snow": np.array([0.5, 0.75])}


def test_by_hand():
    assert mean_corruption_error(OURS, BASELINE) == pytest.approx((0.3 / 0.6 + 1.25 / 1.0) / 2)
    relative = (((0.3 - 0.2) / (0.6 - 0.2)) + ((1.25 - 0.2) / (1.0 - 0.2))) / 2
    assert relative_corruption_error(OURS, 0.1, BASELINE, 0.1) == pytest.approx(relative)


def test_the_baseline_is_one_and_a_faultless_one_gives_no_ratio():
    assert mean_corruption_error(BASELINE, BASELINE) == 1
    assert relative_corruption_error(BASELINE, 0.1, BASELINE, 0.1) == pytest.approx(1)
    assert math.isnan(mean_corruption_error(OURS, {**BASELINE, "fog": np.zeros(2)}))
