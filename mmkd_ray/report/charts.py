"""What the charts of a report show: the data of each, chosen and handed to `render.charts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmkd_ray.metrics.statistics import PairedDifference
from mmkd_ray.render.charts.curves import Curves, curves_by_epoch
from mmkd_ray.render.charts.gains import GainChart, gains_by_class
from mmkd_ray.render.charts.intervals import Interval, IntervalChart, intervals_on_one_axis
from mmkd_ray.render.units import Unit
from mmkd_ray.tasks import Metric


def learning_curves(histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], metric: Metric) -> Curves | None:
    """Curves of a metric, from each arm's history of each seed; None where nothing was trained for an epoch."""
    return curves_by_epoch({arm: _by_epoch(seeds, metric.val_key) for arm, seeds in histories.items()}, metric.unit)


def _by_epoch(histories: Sequence[Sequence[Mapping[str, float]]], key: str) -> list[list[float]]:
    """One list a seed, all of the length of the shortest."""
    seeds = [[epoch[key] for epoch in history] for history in histories]
    shortest = min((len(seed) for seed in seeds), default=0)
    return [seed[:shortest] for seed in seeds]


def interval_chart(differences: Mapping[str, PairedDifference], unit: Unit) -> IntervalChart | None:
    """A row for each arm that is compared with the baseline; None where there is none."""
    return intervals_on_one_axis({arm: _interval(difference) for arm, difference in differences.items()}, unit)


def _interval(difference: PairedDifference) -> Interval:
    over = difference.over_images
    images = (over.low, over.high) if over else None
    return Interval(difference.mean, difference.low, difference.high, difference.per_seed, images)


def gain_chart(
    class_names: Sequence[str], baseline: Sequence[float | None], arm: Sequence[float | None], metric: Metric
) -> GainChart | None:
    """A metric by class, arm against baseline, best gain first; classes without test images are passed over."""
    return gains_by_class(class_names, baseline, arm, metric.unit, higher_is_better=metric.higher_is_better)
