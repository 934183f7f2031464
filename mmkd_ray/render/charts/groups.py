"""The geometry of values group by group: a row for each group, a dot for each arm, all on one axis.

Positions are in percent of the plot, so that any width fits: templates draw them, and text never scales with the
picture, which keeps it readable on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmkd_ray.render.scale import Scale, Tick, nice_values
from mmkd_ray.render.units import Unit


@dataclass(frozen=True)
class GroupRow:
    """One group: where each arm's dot is, and its value as text."""

    group: str
    at: dict[str, float]
    text: dict[str, str]


@dataclass(frozen=True)
class GroupChart:
    """All groups, the hardest of the first arm first."""

    rows: list[GroupRow]
    ticks: list[Tick]


def values_by_group(values: Mapping[str, Mapping[str, float]], unit: Unit) -> GroupChart | None:
    """A row for each group that every arm has a value for; None where there is none.

    Args:
        values: {arm: {group: value}}.
        unit: of the values.
    """
    arms = list(values)
    shared = [group for group in values[arms[0]] if all(group in values[arm] for arm in arms)] if arms else []
    if not shared:
        return None
    scale = Scale.around([values[arm][group] for arm in arms for group in shared], least=0.05)
    rows = [
        GroupRow(
            group,
            {arm: scale(values[arm][group]) for arm in arms},
            {arm: unit.text(values[arm][group]) for arm in arms},
        )
        for group in sorted(shared, key=lambda group: values[arms[0]][group])
    ]
    ticks = [Tick(scale(value), f"{unit.factor * value:.4g}") for value in nice_values(scale.low, scale.high)]
    return GroupChart(rows, ticks)
