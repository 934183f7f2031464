import math

import numpy as np
import pytest

from mmkd_ray.evaluate.compare import Comparison
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN
from mmkd_ray.evaluate.further import Value
from mmkd_ray.evaluate.measure import FIDELITY, Measured
from mmkd_ray.metrics.sampling import ImageSample, sampling_interval
from mmkd_ray.metrics.statistics import paired_difference
from mmkd_ray.tasks.classify import TOP1, TOP5


def student(test, *, shifts=(), fidelity=(0.5, math.nan), by_class=(1.0, math.nan), scores=None):
    values = [
        Value("clean", 0, "val", FIDELITY.name, fidelity[0]),
        Value("clean", 0, "test", TOP1.name, test),
        Value("clean", 0, "test", TOP5.name, 1.0),
        *(Value("clean", 0, f"shift {number}", TOP1.name, value) for number, value in enumerate(shifts)),
    ]
    record = {"seconds": 2.0, "best_epoch": 3, "workers": 1}
    return Measured(tuple(values), list(by_class), np.array(fidelity), record, [{"epoch": 0}], scores or {})


def compared(clusters=None, **arms):
    return Comparison(0.95, TOP1, clusters or {}).arms(arms, (0, 1))


def test_every_measure_is_paired_with_the_baselines_seed_by_seed():
    arms = compared(ce=[student(0.5), student(0.7)], makd=[student(0.6), student(0.75)])
    test = arms["makd"].measure(TOP1)
    assert test.values == (0.6, 0.75)
    assert test.difference == paired_difference([0.6, 0.75], [0.5, 0.7], confidence=0.95)
    assert arms["makd"].measure(FIDELITY, "val").difference.mean == 0
    assert arms["makd"].measure(TOP5).difference is not None
    assert all(measure.difference is None for measure in arms["ce"].measures)


def test_without_a_baseline_nothing_is_compared():
    arms = compared(makd=[student(0.6), student(0.75)])
    assert all(measure.difference is None for measure in arms["makd"].measures)


def test_the_shift_sets_are_averaged_for_each_seed():
    arms = compared(ce=[student(0.5, shifts=(0.2, 0.4)), student(0.5, shifts=(0.4, 0.6))])
    assert arms["ce"].measure(TOP1, SHIFT_MEAN).values == pytest.approx((0.3, 0.5))
    assert arms["ce"].measure(TOP1, "shift 1").values == (0.4, 0.6)
    assert arms["ce"].measure(TOP5, SHIFT_MEAN) is None


def test_what_is_not_defined_is_none_and_not_compared():
    undefined = student(0.5, fidelity=(math.nan, math.nan))
    arms = compared(ce=[student(0.5), student(0.5)], makd=[undefined, student(0.5)])
    fidelity = arms["makd"].measure(FIDELITY, "val")
    assert fidelity.values == (None, 0.5)
    assert fidelity.mean == 0.5
    assert fidelity.difference is None
    assert arms["makd"].fidelity == (None, None)
    assert arms["makd"].by_class == (1.0, None)


def scored(split="test", **of_seeds):
    """Students who recognise (1) or do not recognise (0) each image."""
    return {
        arm: [
            student(np.mean(right), shifts=(np.mean(right),), scores={("clean", 0, split): np.array(right, float)})
            for right in seeds
        ]
        for arm, seeds in of_seeds.items()
    }


CE = [[1, 0, 0, 1, 0, 1], [1, 1, 0, 0, 0, 1]]
MAKD = [[1, 1, 0, 1, 1, 1], [1, 1, 1, 0, 0, 1]]


@pytest.mark.parametrize("clusters_N", [np.arange(6), np.array([0, 0, 1, 1, 2, 2])])
def test_the_difference_of_the_seeds_means_is_paired_image_by_image_and_object_by_object(clusters_N):
    arms = compared({"test": clusters_N}, **scored(ce=CE, makd=MAKD))
    differences = np.mean(MAKD, axis=0) - np.mean(CE, axis=0)
    test = arms["makd"].measure(TOP1)
    expected = sampling_interval([ImageSample(differences, clusters_N)], confidence=0.95)
    assert test.difference.over_images == expected is not None
    assert test.difference.low == paired_difference(test.values, arms["ce"].measure(TOP1).values, confidence=0.95).low
    own = sampling_interval([ImageSample(np.mean(MAKD, axis=0), clusters_N)], confidence=0.95)
    assert test.over_images == own is not None
    assert arms["ce"].measure(TOP1).difference is None
    assert arms["ce"].measure(TOP1).over_images is not None
    assert arms["makd"].measure(TOP5).over_images is None, "only the primary metric is known image by image"


def test_the_mean_of_the_shift_sets_has_an_interval_too():
    arms = compared({"shift 0": np.arange(6)}, **scored("shift 0", ce=CE, makd=MAKD))
    mean, one = arms["makd"].measure(TOP1, SHIFT_MEAN), arms["makd"].measure(TOP1, "shift 0")
    assert mean.difference.over_images == one.difference.over_images is not None
    assert mean.over_images == one.over_images is not None
    assert arms["makd"].measure(TOP1).over_images is None, "nothing is known of the test images here"
