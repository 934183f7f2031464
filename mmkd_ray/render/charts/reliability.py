"""The geometry of a reliability diagram: how often a student is right, by how sure it is.

Positions are in percent of the plot, so that any width fits: templates draw them, and text never scales with the
picture, which keeps it readable on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmkd_ray.render.scale import Tick

LEAST = 0.01
"""Bins with a smaller share of the images are left out of the lines: a few images say little."""


@dataclass(frozen=True)
class Bin:
    """Images whose confidence lies in one interval."""

    confidence: float
    """Mean of the images' highest class probability, in [0, 1]."""
    accuracy: float
    """Share that is right."""
    share: float
    """Of all images."""


@dataclass(frozen=True)
class ReliabilityLine:
    """One arm: SVG points in a 100 x 100 box, and the same as (x, y) in percent from the top left."""

    arm: str
    line: str
    dots: list[tuple[float, float]]


@dataclass(frozen=True)
class ReliabilityChart:
    """All arms; where a line lies below the diagonal, the students are surer than they are right."""

    lines: list[ReliabilityLine]
    ticks: list[Tick]


def reliability_diagram(bins: Mapping[str, Sequence[Bin]]) -> ReliabilityChart | None:
    """A line for each arm; None where there is none."""
    lines = [_line(arm, of_arm) for arm, of_arm in bins.items()]
    return ReliabilityChart(lines, [Tick(at, str(at)) for at in range(0, 101, 20)]) if lines else None


def _line(arm: str, bins: Sequence[Bin]) -> ReliabilityLine:
    dots = [(round(100 * one.confidence, 2), round(100 - 100 * one.accuracy, 2)) for one in bins if one.share >= LEAST]
    return ReliabilityLine(arm, " ".join(f"{x:g},{y:g}" for x, y in dots), dots)
