"""The geometry of learning curves.

Positions are in percent of the plot, so that any width fits: templates draw them, and text never scales with the
picture, which keeps it readable on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmkd_ray.render.scale import Scale, Tick, nice_values
from mmkd_ray.render.units import Unit


@dataclass(frozen=True)
class Curve:
    """One arm: mean over seeds, and the range from the lowest to the highest seed. SVG points in a 100 x 100 box."""

    arm: str
    line: str
    band: str
    """Empty with one seed."""


@dataclass(frozen=True)
class LearningCurves:
    """Values by epoch."""

    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    seeds: int


def curves_by_epoch(series: Mapping[str, Sequence[Sequence[float]]], unit: Unit) -> LearningCurves | None:
    """A curve of each arm; None where nothing was trained for an epoch.

    Args:
        series: for each arm and seed, the value after each epoch; the seeds of an arm have as many epochs.
        unit: of the values.
    """
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
            Tick(100 - y(value), f"{unit.factor * value:.4g}") for value in nice_values(max(y.low, 0), min(y.high, 1))
        ],
        seeds=max(len(seeds) for seeds in series.values()),
    )


def _curve(arm: str, seeds: Sequence[Sequence[float]], x: Scale, y: Scale) -> Curve:
    by_epoch = list(zip(*seeds, strict=True))
    if len(by_epoch) == 1:
        by_epoch = by_epoch * 2  # a single epoch: a level line is seen, a point is not
    line = [(x(k), y(sum(values) / len(values))) for k, values in enumerate(by_epoch, start=1)]
    upper = [(x(k), y(max(values))) for k, values in enumerate(by_epoch, start=1)]
    lower = [(x(k), y(min(values))) for k, values in enumerate(by_epoch, start=1)]
    return Curve(arm, _svg_points(line), _svg_points([*upper, *reversed(lower)]) if len(seeds) > 1 else "")


def _svg_points(positions: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{round(100 - y, 2):g}" for x, y in positions)
