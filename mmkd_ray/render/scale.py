"""Values to positions, and round values for the ticks of an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, `at` percent of its length."""

    at: float
    label: str


@dataclass(frozen=True)
class Scale:
    """Values to positions in percent."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """Position of a value; outside [0, 100] if the value is outside the scale."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    @classmethod
    def around(cls, values: Sequence[float], *, margin: float = 0.05, least: float = 0.01) -> Scale:
        """A scale that holds all values with a margin on both sides; `least` is its smallest extent."""
        low, high = min(values), max(values)
        extent = max(high - low, least)
        middle = (low + high) / 2
        return cls(middle - extent * (0.5 + margin), middle + extent * (0.5 + margin))


def nice_values(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round values from low to high, `about` so many: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]
