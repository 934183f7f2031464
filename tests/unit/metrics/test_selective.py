import numpy as np
import pytest

from mmkd_ray.metrics.selective import area_under_risk_coverage, risk_coverage


def test_risks_by_hand():
    confidence, right = np.array([0.9, 0.5, 0.8, 0.1]), np.array([True, False, True, True])
    np.testing.assert_allclose(risk_coverage(confidence, right), [0, 0, 1 / 3, 1 / 4])
    assert area_under_risk_coverage(confidence, right) == pytest.approx((1 / 3 + 1 / 4) / 4)


def test_equal_confidences_are_chance_whatever_their_order():
    right = np.array([True, False, True, False])
    for order in ([0, 1, 2, 3], [1, 3, 0, 2]):
        assert area_under_risk_coverage(np.ones(4), right[order]) == pytest.approx(0.5)
