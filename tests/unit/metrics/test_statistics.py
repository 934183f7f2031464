import numpy as np
import pytest
from scipy.stats import ttest_rel

from mmkd_ray.metrics.statistics import mean_and_std, paired_difference


def test_mean_and_sample_deviation():
    assert mean_and_std([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
    assert mean_and_std([1.0]) == (1.0, None)


def test_the_interval_is_that_of_a_paired_t_test():
    arm, baseline = [0.67, 0.69, 0.66, 0.70], [0.63, 0.64, 0.65, 0.62]
    difference = paired_difference(arm, baseline, confidence=0.9)
    reference = ttest_rel(arm, baseline).confidence_interval(0.9)
    assert (difference.low, difference.high) == pytest.approx((reference.low, reference.high))
    assert difference.mean == pytest.approx(np.mean(arm) - np.mean(baseline))
    assert difference.excludes_zero


def test_noise_is_called_noise_and_one_seed_says_nothing():
    assert not paired_difference([0.6, 0.5], [0.5, 0.6], confidence=0.95).excludes_zero
    single = paired_difference([0.6], [0.5], confidence=0.95)
    assert single.low is None
    assert not single.excludes_zero


def test_equal_differences_of_seeds_give_no_interval_of_width_zero():
    difference = paired_difference([0.60, 0.70], [0.55, 0.65], confidence=0.95)
    assert (difference.low, difference.high, difference.excludes_zero) == (None, None, False)
    assert difference.seeds == "2 seeds that differ by the same"


def test_coverage_of_the_interval():
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        difference = paired_difference(generator.normal(0.3, 1, 3), np.zeros(3), confidence=0.95)
        inside += difference.low <= 0.3 <= difference.high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)
