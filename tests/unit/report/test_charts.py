from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray.metrics.statistics import PairedDifference
from mmkd_ray.render.scale import Scale, nice_values
from mmkd_ray.render.units import SHARE
from mmkd_ray.report.charts import gain_chart, interval_chart, learning_curves
from mmkd_ray.tasks import Metric

SHARES = st.floats(0, 1)
METRIC = Metric("top1", "top-1", SHARE, higher_is_better=True)
ERROR = Metric("error", "error", SHARE, higher_is_better=False)


def history(*accuracies: float) -> list[dict[str, float]]:
    return [{"epoch": epoch, "val_top1": value} for epoch, value in enumerate(accuracies)]


@given(st.lists(st.floats(-1, 1), min_size=1))
def test_a_scale_holds_its_values(values: list[float]) -> None:
    scale = Scale.around(values)
    assert all(0 <= scale(value) <= 100 for value in values)


@given(st.floats(-1, 1), st.floats(0.001, 2))
def test_ticks_lie_within_the_axis_and_are_few(low: float, extent: float) -> None:
    values = nice_values(low, low + extent)
    assert 1 <= len(values) <= 7
    assert all(low - 1e-6 <= value <= low + extent + 1e-6 for value in values)


def test_a_curve_is_the_mean_and_its_band_the_range() -> None:
    chart = learning_curves({"ce": [history(0.0, 0.4), history(0.2, 0.6)]}, METRIC)
    assert chart is not None
    scale = Scale.around([0.0, 0.6], margin=0.04)
    (curve,) = chart.curves
    line = [tuple(map(float, point.split(","))) for point in curve.line.split()]
    assert line == [(0, pytest.approx(100 - scale(0.1))), (100, pytest.approx(100 - scale(0.5)))]
    band = [float(point.split(",")[1]) for point in curve.band.split()]
    assert band == pytest.approx([100 - scale(value) for value in (0.2, 0.6, 0.4, 0.0)])


def test_one_seed_has_no_band_and_one_epoch_is_seen() -> None:
    chart = learning_curves({"ce": [history(0.5)]}, METRIC)
    assert chart is not None
    assert chart.curves[0].band == ""
    assert len(chart.curves[0].line.split()) == 2


def test_no_epochs_no_curves() -> None:
    assert learning_curves({"ce": [[]]}, METRIC) is None


def test_intervals_stand_on_one_axis_with_zero() -> None:
    chart = interval_chart({"makd": PairedDifference(0.02, 0.01, 0.03, (0.015, 0.025))}, SHARE)
    assert chart is not None
    (row,) = chart.rows
    assert row.low is not None
    assert row.high is not None
    assert 0 < chart.zero < row.low < row.per_seed[0] < row.mean < row.per_seed[1] < row.high < 100
    assert [tick.label for tick in chart.ticks if tick.at == pytest.approx(chart.zero)] == ["0"]


def test_gains_are_sorted_and_classes_without_images_passed_over() -> None:
    chart = gain_chart(["a", "b", "c", "d"], [0.5, 0.5, None, 0.5], [0.4, 0.7, 0.9, 0.5], METRIC)
    assert chart is not None
    assert [(row.class_name, row.text) for row in chart.best] == [("b", "+20.0"), ("d", "0.0"), ("a", "\u221210.0")]
    assert (chart.up, chart.down, chart.left_out) == (1, 1, 0)
    assert chart.best[0].left == chart.zero
    assert chart.best[2].left + chart.best[2].width == pytest.approx(chart.zero, abs=0.02)


def test_where_lower_is_better_less_is_a_gain() -> None:
    chart = gain_chart(["a", "b"], [0.5, 0.5], [0.4, 0.7], ERROR)
    assert chart is not None
    assert [(row.class_name, row.is_gain) for row in chart.best] == [("a", True), ("b", False)]
    assert (chart.up, chart.down) == (1, 1)


@pytest.mark.parametrize(("classes", "shown"), [(30, 30), (31, 30), (200, 30)])
def test_of_many_classes_both_ends_are_drawn_once(classes: int, shown: int) -> None:
    names = [str(k) for k in range(classes)]
    chart = gain_chart(names, [0.0] * classes, [k / classes for k in range(classes)], METRIC)
    assert chart is not None
    drawn = [row.class_name for row in (*chart.best, *chart.worst)]
    assert len(set(drawn)) == len(drawn) == shown
    assert chart.left_out == classes - shown


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=40))
def test_bars_stay_on_their_track(accuracies: list[tuple[float, float]]) -> None:
    before, after = zip(*accuracies, strict=True)
    chart = gain_chart([str(k) for k in range(len(accuracies))], before, after, METRIC)
    assert chart is not None
    assert all(row.left >= 0 and row.width >= 0 and row.left + row.width <= 100.02 for row in chart.best)
