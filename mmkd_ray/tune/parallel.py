"""The parallel coordinates of a search: a line for each trial through its values to its validation accuracy."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from mmkd_ray.config import Config
from mmkd_ray.render.svg import BEST, RULE, SOFT, Drawing, shade
from mmkd_ray.tune.axes import Axis, axis, label, number_axis
from mmkd_ray.tune.outcome import FAILED, STOPPED, best_row, values_of

LEFT, TOP, STEP, HEIGHT = 100, 128, 210, 300
"""Margins, distance of the axes and their height, in px."""
OBJECTIVE = "validation top-1, %"


def parallel_coordinates(config: Config, table: pa.Table) -> str:
    """An SVG with an axis for each searched key and the validation accuracy as the last, without failed trials."""
    trials = [trial for trial in table.to_pylist() if trial["status"] != FAILED]
    reached = [100 * trial["val_top1"] for trial in trials]
    low, high = min(reached), max(*reached, min(reached) + 1)
    axes = {key: axis(domain) for key, domain in config.tune.space.items()} | {OBJECTIVE: number_axis(low, high)}
    best = best_row(table)
    drawing = Drawing(
        max(2 * LEFT + STEP * (len(axes) - 1), 760),
        TOP + HEIGHT + 40,
        "Trials of the search",
        "A line for each trial, the darker the more accurate; dashed: stopped early; orange: the best, "
        f"trial {best['trial']} with {100 * best['val_top1']:.1f} %.",
    )
    # The most accurate are drawn last, so that they lie on top.
    for trial in sorted(trials, key=lambda trial: (trial["trial"] == best["trial"], trial["val_top1"])):
        values = {**values_of(config, trial), OBJECTIVE: 100 * trial["val_top1"]}
        share = 0.25 + 0.75 * (values[OBJECTIVE] - low) / (high - low)
        is_best = trial["trial"] == best["trial"]
        drawing.line(
            [(LEFT + STEP * k, _y(axes[key].position(values[key]))) for k, key in enumerate(axes)],
            stroke=BEST if is_best else shade(share),
            width=3 if is_best else 1.6,
            dashed=trial["status"] == STOPPED,
            tip=_tip(trial, values),
        )
    for number, (name, of_key) in enumerate(axes.items()):
        _draw_axis(drawing, LEFT + STEP * number, name, of_key, side=1 if name == OBJECTIVE else -1)
    return str(drawing)


def _draw_axis(drawing: Drawing, x: float, name: str, of_key: Axis, *, side: int) -> None:
    """The axis with its labels on the left (side -1) or right (1)."""
    drawing.line([(x, TOP), (x, TOP + HEIGHT)], stroke=RULE, width=1.5)
    drawing.text(x, TOP - 22, name, anchor="middle", weight=600)
    for tick in of_key.ticks:
        drawing.line([(x, _y(tick.at)), (x + 5 * side, _y(tick.at))], stroke=RULE, width=1.5)
        anchor = "start" if side > 0 else "end"
        drawing.text(x + 9 * side, _y(tick.at) + 4, tick.label, size=11, fill=SOFT, anchor=anchor, halo=True)


def _y(percent: float) -> float:
    return round(TOP + HEIGHT * (1 - percent / 100), 2)


def _tip(trial: dict[str, Any], values: dict[str, Any]) -> str:
    told = ", ".join(f"{key} {label(value)}" for key, value in values.items())
    return f"trial {trial['trial']}: {told}; {trial['epochs']} epochs"
