"""The heat map of a search: the validation value by alpha and Q."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from mmkd_ray.config import Config
from mmkd_ray.render.charts.heat_map import Cell, Side, draw_heat_map
from mmkd_ray.tasks import Metric, task_of
from mmkd_ray.tune.axes import Bins, bins, label
from mmkd_ray.tune.outcome import FAILED, FINISHED, STOPPED, goodness, values_of
from mmkd_ray.tune.space import ALPHA, ASPECTS

_Trials = list[dict[str, Any]]


def heat_map(config: Config, table: pa.Table) -> str | None:
    """An SVG: a column for each alpha (or range of alphas), a row for each Q; None where neither was searched.

    A cell has the mean validation value of its trials that finished. One without such has no colour, and the mean of
    what its trials had reached when they were stopped.
    """
    if ALPHA not in config.tune.space and ASPECTS not in config.tune.space:
        return None
    metric = task_of(config).primary
    columns, rows = _bins(config, ALPHA, config.train.alpha), _bins(config, ASPECTS, config.aspects.count)
    trials: dict[tuple[int, int], _Trials] = defaultdict(list)
    for trial in table.to_pylist():
        values = values_of(config, trial)
        if trial["status"] != FAILED:
            trials[rows.index(values.get(ASPECTS)), columns.index(values.get(ALPHA))].append(trial)
    return draw_heat_map(
        f"Validation {metric.title} by alpha and Q",
        f"Mean of a cell's finished trials, {metric.unit.name}. White: all of them were stopped early, what they had "
        "reached by then.",
        Side("alpha", columns.labels),
        Side("Q", rows.labels),
        _cells(trials, metric),
    )


def _bins(config: Config, key: str, fixed: Any) -> Bins:
    domain = config.tune.space.get(key)
    return bins(domain) if domain else Bins([label(fixed)], lambda _: 0)


def _cells(trials: dict[tuple[int, int], _Trials], metric: Metric) -> dict[tuple[int, int], Cell]:
    finished = {place: [t for t in some if t["status"] == FINISHED] for place, some in trials.items()}
    means = {place: _mean(some, metric) for place, some in finished.items() if some}
    good = goodness(metric, means.values())
    cells = {}
    for place, some in trials.items():
        if place in means:
            cells[place] = Cell(metric.unit.text(means[place]), _count(some), good(means[place]))
        else:
            cells[place] = Cell(metric.unit.text(_mean(some, metric)), f"{len(some)} stopped", None)
    return cells


def _mean(trials: Iterable[dict[str, Any]], metric: Metric) -> float:
    values = [trial[metric.val_key] for trial in trials]
    return sum(values) / len(values)


def _count(trials: _Trials) -> str:
    stopped = sum(trial["status"] == STOPPED for trial in trials)
    return f"{len(trials) - stopped} finished" + (f", {stopped} stopped" if stopped else "")
