"""The geometry of intervals on one axis.

Positions are in percent of the plot, so that any width fits: templates draw them, and text never scales with the
picture, which keeps it readable on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmkd_ray.render.scale import Scale, Tick, nice_values
from mmkd_ray.render.units import Unit


@dataclass(frozen=True)
class Interval:
    """A difference to the baseline."""

    mean: float
    low: float | None
    """Ends of its interval; None where there is none."""
    high: float | None
    per_seed: Sequence[float]
    over_images: tuple[float, float] | None = None
    """Ends of a second interval, over the test images."""


@dataclass(frozen=True)
class IntervalRow:
    """One arm's paired differences to the baseline: positions in percent."""

    arm: str
    mean: float
    low: float | None
    high: float | None
    per_seed: list[float]
    over_images: tuple[float, float] | None
    text: str


@dataclass(frozen=True)
class IntervalChart:
    """Paired differences of all arms on one axis."""

    rows: list[IntervalRow]
    zero: float
    ticks: list[Tick]


def intervals_on_one_axis(differences: Mapping[str, Interval], unit: Unit) -> IntervalChart | None:
    """A row for each arm that is compared with the baseline; None where there is none."""
    if not differences:
        return None
    known = [
        value for d in differences.values() for value in (d.mean, d.low, d.high, *d.per_seed, *(d.over_images or ()))
    ]
    scale = Scale.around([0.0, *(value for value in known if value is not None)])
    return IntervalChart(
        rows=[_interval_row(arm, difference, scale, unit) for arm, difference in differences.items()],
        zero=scale(0),
        ticks=_difference_ticks(scale, unit),
    )


def _interval_row(arm: str, difference: Interval, scale: Scale, unit: Unit) -> IntervalRow:
    low, high = difference.low, difference.high
    return IntervalRow(
        arm=arm,
        mean=scale(difference.mean),
        low=None if low is None else scale(low),
        high=None if high is None else scale(high),
        per_seed=[scale(value) for value in difference.per_seed],
        over_images=(scale(difference.over_images[0]), scale(difference.over_images[1]))
        if difference.over_images
        else None,
        text=unit.difference(difference.mean),
    )


def _difference_ticks(scale: Scale, unit: Unit) -> list[Tick]:
    """Ticks of an axis of differences."""
    values = [value * unit.factor for value in nice_values(scale.low, scale.high)]
    labels = [f"{value:+.4g}".replace("-", "\N{MINUS SIGN}") if abs(value) > 1e-9 else "0" for value in values]
    return [Tick(scale(value / unit.factor), label) for value, label in zip(values, labels, strict=True)]
