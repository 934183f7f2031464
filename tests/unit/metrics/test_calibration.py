import numpy as np
import pytest

from mmkd_ray.metrics.calibration import (
    brier_score,
    calibration_error,
    fit_temperature,
    log_probabilities,
    negative_log_likelihood,
    reliability,
)


def test_the_calibration_error_by_hand():
    p, right = np.array([0.2, 0.25, 0.9, 0.95, 1.0]), np.array([False, True, True, False, True])
    # Bins of a fifth: {0.2, 0.25}, mean 0.225, half right; {0.9, 0.95, 1.0}, mean 0.95, two of three right.
    expected = (2 * abs(0.225 - 0.5) + 3 * abs(0.95 - 2 / 3)) / 5
    assert calibration_error(p, right, bins=5) == pytest.approx(expected)
    assert reliability(p, right, bins=5) == [
        (pytest.approx(0.225), 0.5, 2),
        (pytest.approx(0.95), pytest.approx(2 / 3), 3),
    ]


def test_adaptive_bins_hold_equally_many_images():
    p, right = np.array([0.91, 0.92, 0.93, 0.94]), np.array([False, True, True, True])
    assert calibration_error(p, right, bins=2, adaptive=True) == pytest.approx((abs(0.915 - 0.5) + abs(0.935 - 1)) / 2)
    assert calibration_error(p, right, bins=2) == pytest.approx(abs(0.925 - 0.75))


def test_likelihood_and_brier_score_by_hand():
    log_p, labels = np.log([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4]]), np.array([0, 2])
    assert negative_log_likelihood(log_p, labels) == pytest.approx(-(np.log(0.7) + np.log(0.4)) / 2)
    brier = (0.3**2 + 0.2**2 + 0.1**2 + 0.1**2 + 0.5**2 + 0.6**2) / 2
    assert brier_score(log_p, labels) == pytest.approx(brier)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_of_logits_that_were_made_too_sharp_is_found(true):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 5))
    labels = (logits + generator.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from their softmax
    assert fit_temperature(logits * true, labels) == pytest.approx(true, rel=0.05)
    p = np.exp(log_probabilities(logits * true, temperature=true)).max(axis=1)
    assert calibration_error(p, logits.argmax(axis=1) == labels, bins=15) < 0.02
