"""The geometry of the charts, as pure functions: positions in percent of the plot, so that any width fits.

The templates draw them; text never scales with the picture, which keeps it readable on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmkd_ray.metrics.statistics import PairedDifference
from mmkd_ray.render.scale import Scale, Tick, nice_values
from mmkd_ray.render.units import Unit
from mmkd_ray.tasks import Metric


@dataclass(frozen=True)
class Curve:
    """One arm: mean over seeds, and the range from the lowest to the highest seed. SVG points in a 100 x 100 box."""

    arm: str
    line: str
    band: str
    """Empty with one seed."""


@dataclass(frozen=True)
class LearningCurves:
    """The primary metric on the validation split by epoch."""

    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    seeds: int


def learning_curves(
    histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], metric: Metric
) -> LearningCurves | None:
    """Curves of a metric, from each arm's history of each seed; None where nothing was trained for an epoch."""
    series = {arm: _by_epoch(seeds, metric.val_key) for arm, seeds in histories.items()}
    series = {arm: seeds for arm, seeds in series.items() if seeds and seeds[0]}
    if not series:
        return None
    epochs = max(len(seeds[0]) for seeds in series.values())
    values = [value for seeds in series.values() for seed in seeds for value in seed]
    x, y = Scale(1, max(epochs, 2)), Scale.around(values, margin=0.04, least=0.02)
    whole = sorted({round(value) for value in nice_values(1, max(epochs, 2), about=5)} | {1})
    return LearningCurves(
        curves=[_curve(arm, seeds, x, y) for arm, seeds in series.items()],
        x_ticks=[Tick(x(epoch), str(epoch)) for epoch in whole],
        y_ticks=[
            Tick(100 - y(value), f"{metric.unit.factor * value:.4g}")
            for value in nice_values(max(y.low, 0), min(y.high, 1))
        ],
        seeds=max(len(seeds) for seeds in series.values()),
    )


def _by_epoch(histories: Sequence[Sequence[Mapping[str, float]]], key: str) -> list[list[float]]:
    """One list a seed, all of the length of the shortest."""
    seeds = [[epoch[key] for epoch in history] for history in histories]
    shortest = min((len(seed) for seed in seeds), default=0)
    return [seed[:shortest] for seed in seeds]


def _curve(arm: str, seeds: list[list[float]], x: Scale, y: Scale) -> Curve:
    by_epoch = list(zip(*seeds, strict=True))
    if len(by_epoch) == 1:
        by_epoch = by_epoch * 2  # a single epoch: a level line is seen, a point is not
    line = [(x(k), y(sum(values) / len(values))) for k, values in enumerate(by_epoch, start=1)]
    upper = [(x(k), y(max(values))) for k, values in enumerate(by_epoch, start=1)]
    lower = [(x(k), y(min(values))) for k, values in enumerate(by_epoch, start=1)]
    return Curve(arm, _svg_points(line), _svg_points([*upper, *reversed(lower)]) if len(seeds) > 1 else "")


def _svg_points(positions: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{round(100 - y, 2):g}" for x, y in positions)


@dataclass(frozen=True)
class IntervalRow:
    """One arm's paired differences to the baseline: positions in percent."""

    arm: str
    mean: float
    low: float | None
    high: float | None
    per_seed: list[float]
    text: str


@dataclass(frozen=True)
class IntervalChart:
    """Paired differences of all arms on one axis."""

    rows: list[IntervalRow]
    zero: float
    ticks: list[Tick]


def interval_chart(differences: Mapping[str, PairedDifference], unit: Unit) -> IntervalChart | None:
    """A row for each arm that is compared with the baseline; None where there is none."""
    if not differences:
        return None
    known = [value for d in differences.values() for value in (d.mean, d.low, d.high, *d.per_seed)]
    scale = Scale.around([0.0, *(value for value in known if value is not None)])
    return IntervalChart(
        rows=[_interval_row(arm, difference, scale, unit) for arm, difference in differences.items()],
        zero=scale(0),
        ticks=_difference_ticks(scale, unit),
    )


def _interval_row(arm: str, difference: PairedDifference, scale: Scale, unit: Unit) -> IntervalRow:
    low, high = difference.low, difference.high
    return IntervalRow(
        arm=arm,
        mean=scale(difference.mean),
        low=None if low is None else scale(low),
        high=None if high is None else scale(high),
        per_seed=[scale(value) for value in difference.per_seed],
        text=unit.difference(difference.mean),
    )


def _difference_ticks(scale: Scale, unit: Unit) -> list[Tick]:
    """Ticks of an axis of differences."""
    values = [value * unit.factor for value in nice_values(scale.low, scale.high)]
    labels = [f"{value:+.4g}".replace("-", "\N{MINUS SIGN}") if abs(value) > 1e-9 else "0" for value in values]
    return [Tick(scale(value / unit.factor), label) for value, label in zip(values, labels, strict=True)]


@dataclass(frozen=True)
class GainRow:
    """One class: a bar from zero, in percent of the track."""

    class_name: str
    left: float
    width: float
    is_gain: bool
    text: str
    before: str
    after: str


@dataclass(frozen=True)
class GainChart:
    """Gains by class, best first; the middle is left out where there are many."""

    best: list[GainRow]
    worst: list[GainRow]
    left_out: int
    zero: float
    up: int
    """Classes that gained."""
    down: int


MAX_CLASSES = 30
"""More classes than these are shown by their two ends."""


def gain_chart(
    class_names: Sequence[str], baseline: Sequence[float | None], arm: Sequence[float | None], metric: Metric
) -> GainChart | None:
    """A metric by class, arm against baseline, best gain first; classes without test images are passed over."""
    pairs = zip(class_names, baseline, arm, strict=True)
    known = [
        (after - before, name, before, after)
        for name, before, after in pairs
        if before is not None and after is not None
    ]
    if not known:
        return None
    known.sort(key=lambda row: (-row[0] if metric.higher_is_better else row[0], row[1]))
    gains = [row[0] for row in known]
    scale = Scale(min(0.0, *gains, -0.001), max(0.0, *gains, 0.001))
    rows = [_gain_row(name, before, after, scale, metric) for _, name, before, after in known]
    end = MAX_CLASSES // 2
    many = len(rows) > MAX_CLASSES
    return GainChart(
        best=rows[:end] if many else rows,
        worst=rows[-end:] if many else [],
        left_out=max(len(rows) - 2 * end, 0) if many else 0,
        zero=scale(0),
        up=sum(metric.is_better(gain, than=0) for gain in gains),
        down=sum(metric.is_better(0, than=gain) for gain in gains),
    )


def _gain_row(name: str, before: float, after: float, scale: Scale, metric: Metric) -> GainRow:
    ends = sorted((scale(0), scale(after - before)))
    return GainRow(
        class_name=name,
        left=ends[0],
        width=round(ends[1] - ends[0], 2),
        is_gain=not metric.is_better(before, than=after),
        text=metric.unit.difference(after - before),
        before=metric.unit.text(before),
        after=metric.unit.text(after),
    )
