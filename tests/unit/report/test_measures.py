import pytest

from mmkd_ray.evaluate.evaluation import Measure
from mmkd_ray.metrics.statistics import paired_difference
from mmkd_ray.report.measures import IMAGES, Column, mean_over, measure_table
from mmkd_ray.tasks.classify import TOP1

CE_ROW, MAKD_ROW = ("", "ce"), ("", "makd")
CE = (0.50, 0.52, 0.51, 0.53, 0.50)


def measure(*values: float | None, baseline: tuple[float, ...] | None = None) -> Measure:
    difference = paired_difference(values, baseline, confidence=0.95) if baseline else None
    return Measure(probe="fog", severity=1, split="test", metric="top1", values=values, difference=difference)


def shifted(*by: float) -> Measure:
    return measure(*(value + step for value, step in zip(CE, by, strict=True)), baseline=CE)


def test_of_many_differences_those_are_marked_that_survive_holms_correction():
    sure, doubtful = shifted(0.100, 0.101, 0.100, 0.101, 0.100), shifted(0.02, 0.05, 0.01, 0.06, 0.01)
    columns = [
        Column(IMAGES, name, TOP1, {CE_ROW: measure(*CE), MAKD_ROW: m})
        for name, m in {"a": sure, "b": doubtful}.items()
    ]
    columns.append(Column(IMAGES, "c", TOP1, {CE_ROW: measure(*CE), MAKD_ROW: shifted(0.1, -0.1, 0.1, -0.1, 0.05)}))
    table = measure_table(columns, confidence=0.95)
    assert table.compared == 3
    assert [cell.survives for cell in table.rows[MAKD_ROW]] == [True, False, False]
    assert [cell.is_beyond_noise for cell in table.rows[MAKD_ROW]] == [True, True, False]
    assert not any(cell.difference for cell in table.rows[CE_ROW])


def test_a_mean_over_measures_is_paired_seed_by_seed():
    found = {"ce": [measure(0.2, 0.4), measure(0.4, 0.6)], "makd": [measure(0.4, 0.5), measure(0.4, 0.7)]}
    mean = mean_over(found, confidence=0.95)
    assert mean["ce"].values == pytest.approx((0.3, 0.5))
    assert mean["makd"].difference.per_seed == pytest.approx((0.1, 0.1))
    assert mean["ce"].difference is None


def test_a_mean_is_not_defined_where_one_of_its_values_is_not():
    mean = mean_over({"ce": [measure(0.2, 0.4)], "makd": [measure(0.4, None)]}, confidence=0.95)
    assert mean["makd"].values == (0.4, None)
    assert mean["makd"].difference is None
