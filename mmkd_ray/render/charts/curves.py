"""The geometry of curves: a line for each arm, by epoch or over the severities of a probe.

Positions are in percent of the plot, so that any width fits: templates draw them, and text never scales with the
picture, which keeps it readable on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmkd_ray.render.scale import Scale, Tick, nice_values
from mmkd_ray.render.units import Unit

Series = Mapping[str, Sequence[Sequence[float]]]
"""For each arm and seed, the value at each place; the seeds of an arm have as many."""


@dataclass(frozen=True)
class Curve:
    """One arm: mean over seeds, and the range from the lowest to the highest seed. SVG points in a 100 x 100 box."""

    arm: str
    line: str
    band: str
    """Empty with one seed."""


@dataclass(frozen=True)
class Curves:
    """All arms in one plot."""

    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    seeds: int


def curves_by_epoch(series: Series, unit: Unit) -> Curves | None:
    """Values after each epoch; None where nothing was trained for an epoch."""
    series = {arm: seeds for arm, seeds in series.items() if seeds and seeds[0]}
    if not series:
        return None
    epochs = max(len(seeds[0]) for seeds in series.values())
    x = Scale(1, max(epochs, 2))
    whole = sorted({round(value) for value in nice_values(1, max(epochs, 2), about=5)} | {1})
    return _curves(series, unit, [x(k) for k in range(1, epochs + 1)], [Tick(x(epoch), str(epoch)) for epoch in whole])


def curves_over_severity(series: Series, severities: Sequence[float], unit: Unit) -> Curves | None:
    """Values at each severity, evenly apart whatever their distance; None where there are fewer than two severities.

    Even places keep the labels of a curve over 0.25, 0.5, 1, ... 8 apart, and show each doubling as one step.
    """
    if len(severities) < 2 or not series:
        return None
    x = Scale(0, len(severities) - 1)
    places = [x(k) for k in range(len(severities))]
    ticks = [Tick(at, f"{severity:g}") for at, severity in zip(places, severities, strict=True)]
    return _curves(series, unit, places, ticks)


def _curves(series: Series, unit: Unit, places: Sequence[float], x_ticks: list[Tick]) -> Curves:
    values = [value for seeds in series.values() for seed in seeds for value in seed]
    y = Scale.around(values, margin=0.04, least=0.02)
    return Curves(
        curves=[_curve(arm, seeds, places, y) for arm, seeds in series.items()],
        x_ticks=x_ticks,
        y_ticks=[
            Tick(100 - y(value), f"{unit.factor * value:.4g}") for value in nice_values(max(y.low, 0), min(y.high, 1))
        ],
        seeds=max(len(seeds) for seeds in series.values()),
    )


def _curve(arm: str, seeds: Sequence[Sequence[float]], places: Sequence[float], y: Scale) -> Curve:
    by_place = list(zip(*seeds, strict=True))
    if len(by_place) == 1:  # a single epoch: a level line is seen, a point is not
        by_place, places = by_place * 2, (0, 100)
    at = list(zip(places, by_place, strict=False))
    line = [(x, y(sum(values) / len(values))) for x, values in at]
    upper = [(x, y(max(values))) for x, values in at]
    lower = [(x, y(min(values))) for x, values in at]
    return Curve(arm, _svg_points(line), _svg_points([*upper, *reversed(lower)]) if len(seeds) > 1 else "")


def _svg_points(positions: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{round(100 - y, 2):g}" for x, y in positions)
