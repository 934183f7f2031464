"""The geometry of bars from zero: what each class gains.

Positions are in percent of the plot, so that any width fits: templates draw them, and text never scales with the
picture, which keeps it readable on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmkd_ray.render.scale import Scale
from mmkd_ray.render.units import Unit


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


def gains_by_class(
    class_names: Sequence[str],
    before: Sequence[float | None],
    after: Sequence[float | None],
    unit: Unit,
    *,
    higher_is_better: bool,
) -> GainChart | None:
    """Values by class, before and after, best gain first; classes without a value are passed over."""
    sign = 1 if higher_is_better else -1
    known = [
        (sign * (new - old), name, old, new)
        for name, old, new in zip(class_names, before, after, strict=True)
        if old is not None and new is not None
    ]
    if not known:
        return None
    known.sort(key=lambda row: (-row[0], row[1]))
    gains = [row[0] for row in known]
    changes = [sign * gain for gain in gains]
    scale = Scale(min(0.0, *changes, -0.001), max(0.0, *changes, 0.001))
    rows = [_gain_row(name, old, new, scale, unit, is_gain=gain >= 0) for gain, name, old, new in known]
    end = MAX_CLASSES // 2
    many = len(rows) > MAX_CLASSES
    return GainChart(
        best=rows[:end] if many else rows,
        worst=rows[-end:] if many else [],
        left_out=max(len(rows) - 2 * end, 0) if many else 0,
        zero=scale(0),
        up=sum(gain > 0 for gain in gains),
        down=sum(gain < 0 for gain in gains),
    )


def _gain_row(name: str, before: float, after: float, scale: Scale, unit: Unit, *, is_gain: bool) -> GainRow:
    ends = sorted((scale(0), scale(after - before)))
    return GainRow(
        class_name=name,
        left=ends[0],
        width=round(ends[1] - ends[0], 2),
        is_gain=is_gain,
        text=unit.difference(after - before),
        before=unit.text(before),
        after=unit.text(after),
    )
