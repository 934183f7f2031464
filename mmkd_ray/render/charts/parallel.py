"""Parallel coordinates in SVG: a line for each thing through its values on several axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmkd_ray.render.scale import Tick
from mmkd_ray.render.svg import BEST, RULE, SOFT, Drawing, shade

LEFT, TOP, STEP, HEIGHT = 100, 128, 210, 300
"""Margins, distance of the axes and their height, in px."""


@dataclass(frozen=True)
class Axis:
    """Values on a line, in percent of its length."""

    position: Callable[[Any], float]
    ticks: list[Tick]


@dataclass(frozen=True)
class Line:
    """One thing, by its value on each axis."""

    values: Mapping[str, Any]
    share: float
    """How good it is, from 0 (the worst of all) to 1: the better the darker."""
    best: bool = False
    """In its own colour, and thick."""
    dashed: bool = False
    tip: str = ""
    """Shown when the mouse is over it."""


def draw_parallel(title: str, subtitle: str, axes: Mapping[str, Axis], lines: Sequence[Line]) -> str:
    """An SVG that stands alone.

    Args:
        title: in bold above it.
        subtitle: below the title.
        axes: by name, from the left; the last has its labels on the right.
        lines: from the lowest layer to the highest.
    """
    drawing = Drawing(max(2 * LEFT + STEP * (len(axes) - 1), 760), TOP + HEIGHT + 40, title, subtitle)
    for line in lines:
        drawing.line(
            [(LEFT + STEP * k, _y(axis.position(line.values[name]))) for k, (name, axis) in enumerate(axes.items())],
            stroke=BEST if line.best else shade(0.25 + 0.75 * line.share),
            width=3 if line.best else 1.6,
            dashed=line.dashed,
            tip=line.tip,
        )
    for number, (name, axis) in enumerate(axes.items()):
        _draw_axis(drawing, LEFT + STEP * number, name, axis, side=1 if number == len(axes) - 1 else -1)
    return str(drawing)


def _draw_axis(drawing: Drawing, x: float, name: str, axis: Axis, *, side: int) -> None:
    """The axis with its labels on the left (side -1) or right (1)."""
    drawing.line([(x, TOP), (x, TOP + HEIGHT)], stroke=RULE, width=1.5)
    drawing.text(x, TOP - 22, name, anchor="middle", weight=600)
    for tick in axis.ticks:
        drawing.line([(x, _y(tick.at)), (x + 5 * side, _y(tick.at))], stroke=RULE, width=1.5)
        anchor = "start" if side > 0 else "end"
        drawing.text(x + 9 * side, _y(tick.at) + 4, tick.label, size=11, fill=SOFT, anchor=anchor, halo=True)


def _y(percent: float) -> float:
    return round(TOP + HEIGHT * (1 - percent / 100), 2)
