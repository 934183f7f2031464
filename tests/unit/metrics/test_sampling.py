"""Intervals over images agree with the closed forms that they estimate."""

import numpy as np
import pytest
from scipy.stats import norm

from mmkd_ray.metrics.sampling import Bounds, ImageSample, sampling_interval

Z = norm.ppf(0.975)


def of_images(*values, clusters=None):
    samples = [np.asarray(one, dtype=np.float64) for one in values]
    return sampling_interval(
        [ImageSample(one, np.arange(len(one)) if clusters is None else np.asarray(clusters)) for one in samples],
        confidence=0.95,
    )


def half_width(bounds):
    return (bounds.high - bounds.low) / 2


def shares(**images):
    """So many images of each value, e.g. `one=532`."""
    return np.repeat([{"one": 1, "zero": 0, "minus": -1}[name] for name in images], list(images.values()))


def test_an_accuracy_has_the_binomial_error():
    """+- 1.8 points at 93 % of 801 images."""
    found = of_images(shares(one=745, zero=56))
    p = 745 / 801
    assert 100 * half_width(found) == pytest.approx(1.8, abs=0.06)
    assert half_width(found) == pytest.approx(Z * np.sqrt(p * (1 - p) / 801), rel=0.03)
    assert (found.low + found.high) / 2 == pytest.approx(p, abs=0.001)


def test_a_paired_difference_has_mcnemars_error():
    """b images that only one student recognises, c that only the other does: variance (b + c - (b - c)^2 / n) / n^2."""
    b, c, n = 90, 50, 801
    found = of_images(shares(one=b, minus=c, zero=n - b - c))
    assert half_width(found) == pytest.approx(Z * np.sqrt(b + c - (b - c) ** 2 / n) / n, rel=0.03)
    assert found.excludes_zero
    unpaired = np.sqrt(2 * 0.66 * 0.34 / n)
    assert half_width(found) < Z * unpaired


def test_images_that_repeat_an_object_are_worth_one():
    """100 objects of 8 equal images: the error is that of 100 images."""
    objects = np.repeat(shares(one=60, zero=40), 8)
    found = of_images(objects, clusters=np.repeat(np.arange(100), 8))
    assert half_width(found) == pytest.approx(Z * np.sqrt(0.6 * 0.4 / 100), rel=0.05)
    assert half_width(of_images(objects)) == pytest.approx(Z * np.sqrt(0.6 * 0.4 / 800), rel=0.03)


def test_objects_of_unequal_size_have_the_error_of_a_ratio():
    """Linearised: sum over objects of (sum - mean x size)^2 over N^2 (Davison and Hinkley, 3.8; Cochran's ratio)."""
    generator = np.random.default_rng(5)
    clusters = np.repeat(np.arange(300), generator.integers(1, 12, 300))
    values = (generator.random(len(clusters)) < generator.random(300)[clusters]).astype(float)
    residuals = np.bincount(clusters, weights=values - values.mean())
    found = of_images(values, clusters=clusters)
    assert half_width(found) == pytest.approx(Z * np.sqrt((residuals**2).sum()) / len(values), rel=0.05)


def test_the_mean_of_two_sets_has_the_error_of_both():
    found = of_images(shares(one=30, zero=70), shares(one=320, zero=80))
    error = np.sqrt(0.3 * 0.7 / 100 + 0.8 * 0.2 / 400) / 2
    assert half_width(found) == pytest.approx(Z * error, rel=0.04)
    assert (found.low + found.high) / 2 == pytest.approx(0.55, abs=0.01)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        found = of_images(generator.choice([-1, 0, 1], size=300, p=[0.1, 0.75, 0.15]))
        inside += found.low <= 0.05 <= found.high
    assert inside / 400 == pytest.approx(0.95, abs=0.03)


def test_the_same_values_give_the_same_interval():
    values = shares(one=70, zero=30)
    assert of_images(values) == of_images(values[::-1])


@pytest.mark.parametrize(
    ("values", "clusters"), [([[1, 1, 1]], None), ([[0, 0]], None), ([[]], None), ([], None), ([[1, 0]], [4, 4])]
)
def test_nothing_is_said_where_resampling_says_nothing(values, clusters):
    assert of_images(*values, clusters=clusters) is None


def test_bounds_exclude_zero_on_one_side():
    assert Bounds(0.1, 0.2).excludes_zero
    assert Bounds(-0.2, -0.1).excludes_zero
    assert not Bounds(-0.1, 0.2).excludes_zero
