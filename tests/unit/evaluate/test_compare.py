import math

import numpy as np
import pytest

from mmkd_ray.evaluate.compare import compare_arms
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN
from mmkd_ray.evaluate.measure import FIDELITY, Measured, Value
from mmkd_ray.metrics.statistics import paired_difference
from mmkd_ray.tasks.classify import TOP1, TOP5


def student(test, *, shifts=(), fidelity=(0.5, math.nan), by_class=(1.0, math.nan)):
    values = [
        Value("clean", 0, "val", FIDELITY.name, fidelity[0]),
        Value("clean", 0, "test", TOP1.name, test),
        Value("clean", 0, "test", TOP5.name, 1.0),
        *(Value("clean", 0, f"shift {number}", TOP1.name, value) for number, value in enumerate(shifts)),
    ]
    record = {"seconds": 2.0, "best_epoch": 3, "workers": 1}
    return Measured(tuple(values), list(by_class), np.array(fidelity), record, [{"epoch": 0}])


def compared(**arms):
    return compare_arms(arms, (0, 1), confidence=0.95)


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
