"""The axes of a search's charts: where a searched key's value stands, and in which bin it falls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mmkd_ray.config import Domain
from mmkd_ray.render.charts.parallel import Axis
from mmkd_ray.render.scale import Scale, Tick, nice_values

BINS = 6
"""Bins of a range of numbers."""


@dataclass(frozen=True)
class Bins:
    """A key's values in groups."""

    labels: list[str]
    index: Callable[[Any], int]
    """Of the group that a value is in."""


def axis(domain: Domain) -> Axis:
    """The axis of a searched key; logarithmic for `log_uniform`, a place for each of `choice`."""
    if domain.kind == "choice":
        order = _ordered(domain.values)
        last = max(len(order) - 1, 1)
        places = {repr(value): 50.0 if len(order) == 1 else 100 * k / last for k, value in enumerate(order)}
        return Axis(lambda value: places[repr(value)], [Tick(places[repr(value)], label(value)) for value in order])
    low, high = domain.values
    if domain.kind == "log_uniform":
        scale = Scale(math.log(low), math.log(high))
        ticks = [value for value in _decades(low, high) if low <= value <= high]
        return Axis(
            lambda value: scale(math.log(value)), [Tick(scale(math.log(value)), label(value)) for value in ticks]
        )
    return number_axis(low, high, whole=domain.kind == "integer")


def number_axis(low: float, high: float, *, whole: bool = False) -> Axis:
    """An even axis with round ticks."""
    scale = Scale(low, high)
    ticks = nice_values(low, high)
    if whole:
        ticks = sorted({round(value) for value in ticks if low <= round(value) <= high})
    return Axis(scale, [Tick(scale(value), label(value)) for value in ticks])


def bins(domain: Domain) -> Bins:
    """The groups of a searched key: its choices, or equal parts of its range (of its logarithm, for `log_uniform`)."""
    if domain.kind == "choice":
        order = [repr(value) for value in _ordered(domain.values)]
        return Bins([label(value) for value in _ordered(domain.values)], lambda value: order.index(repr(value)))
    low, high = domain.values
    if domain.kind == "integer" and high - low < BINS:
        return Bins([str(value) for value in range(low, high + 1)], lambda value: value - low)
    if domain.kind == "log_uniform":
        edges = [low * (high / low) ** (k / BINS) for k in range(BINS + 1)]
    else:
        edges = [low + (high - low) * k / BINS for k in range(BINS + 1)]
    digits = 2 if high > 10 * low > 0 else 3
    labels = [f"{a:.{digits}g} \N{EN DASH} {b:.{digits}g}" for a, b in pairwise(edges)]
    return Bins(labels, lambda value: sum(value >= edge for edge in edges[1:-1]))


def label(value: Any) -> str:
    """A value as short text."""
    return f"{value:.3g}" if isinstance(value, float) else "all" if value is None else str(value)


def _ordered(values: tuple[Any, ...]) -> list[Any]:
    """Numbers in their order, anything else as it was written."""
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numbers else list(values)


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten; the powers alone where these are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1, 3) if len(powers) <= 5 else (1,)
    return [factor * 10.0**power for power in powers for factor in factors]
