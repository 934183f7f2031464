"""The parallel coordinates of a search: a line for each trial through its values to what it came to."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from mmkd_ray.config import Config
from mmkd_ray.render.charts.parallel import Line, draw_parallel
from mmkd_ray.tasks import task_of
from mmkd_ray.tune.axes import axis, label, number_axis
from mmkd_ray.tune.outcome import FAILED, STOPPED, best_first, goodness, values_of


def parallel_coordinates(config: Config, table: pa.Table) -> str:
    """An SVG with an axis for each searched key and the validation value as the last, without failed trials."""
    metric = task_of(config).primary
    trials = [trial for trial in best_first(config, table) if trial["status"] != FAILED]
    best, reached = trials[0], [trial[metric.val_key] for trial in trials]
    good, factor = goodness(metric, reached), metric.unit.factor
    shown = [factor * value for value in reached]
    low, high = min(shown), max(*shown, min(shown) + factor / 100)
    objective = ", ".join(filter(None, [f"validation {metric.title}", metric.unit.sign.strip()]))
    axes = {key: axis(domain) for key, domain in config.tune.space.items()} | {objective: number_axis(low, high)}
    lines = []
    # The best are drawn last, so that they lie on top.
    for trial in reversed(trials):
        value = trial[metric.val_key]
        values = {**values_of(config, trial), objective: factor * value}
        lines.append(
            Line(values, good(value), trial is best, dashed=trial["status"] == STOPPED, tip=_tip(trial, values))
        )
    return draw_parallel(
        "Trials of the search",
        "A line for each trial, the darker the better; dashed: stopped early; orange: the best, "
        f"trial {best['trial']} with {metric.unit.text_with_sign(best[metric.val_key])}.",
        axes,
        lines,
    )


def _tip(trial: dict[str, Any], values: dict[str, Any]) -> str:
    told = ", ".join(f"{key} {label(value)}" for key, value in values.items())
    return f"trial {trial['trial']}: {told}; {trial['epochs']} epochs"
