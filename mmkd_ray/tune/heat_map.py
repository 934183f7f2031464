"""The heat map of a search: validation accuracy by alpha and Q."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa

from mmkd_ray.config import Config
from mmkd_ray.render.svg import GRID, PAPER, RULE, SOFT, Drawing, on_shade, shade
from mmkd_ray.tune.axes import Bins, bins, label
from mmkd_ray.tune.outcome import FAILED, FINISHED, STOPPED, values_of
from mmkd_ray.tune.space import ALPHA, ASPECTS

LEFT, TOP, WIDTH, HEIGHT = 116, 84, 136, 54
"""Margins of the cells, and the size of one, in px."""


def heat_map(config: Config, table: pa.Table) -> str | None:
    """An SVG: a column for each alpha (or range of alphas), a row for each Q; None where neither was searched.

    A cell has the mean validation accuracy of its trials that finished. One without such has no colour, and the mean of
    what its trials had reached when they were stopped.
    """
    if ALPHA not in config.tune.space and ASPECTS not in config.tune.space:
        return None
    columns, rows = _bins(config, ALPHA, config.train.alpha), _bins(config, ASPECTS, config.aspects.count)
    cells: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for trial in table.to_pylist():
        values = values_of(config, trial)
        if trial["status"] != FAILED:
            cells[rows.index(values.get(ASPECTS)), columns.index(values.get(ALPHA))].append(trial)
    bottom = TOP + HEIGHT * len(rows.labels)
    drawing = Drawing(
        max(LEFT + WIDTH * len(columns.labels) + 24, 640),
        bottom + 60,
        "Validation accuracy by alpha and Q",
        "Mean of a cell's finished trials, %. White: all of them were stopped early, what they had reached by then.",
    )
    _draw_cells(drawing, cells, columns, rows)
    for k, text in enumerate(columns.labels):
        drawing.text(LEFT + WIDTH * (k + 0.5), bottom + 20, text, fill=SOFT, anchor="middle")
    for k, text in enumerate(rows.labels):
        drawing.text(LEFT - 12, TOP + HEIGHT * (len(rows.labels) - k - 0.5) + 4, text, fill=SOFT, anchor="end")
    drawing.text(LEFT + WIDTH * len(columns.labels) / 2, bottom + 42, "alpha", anchor="middle", weight=600)
    drawing.text(24, TOP + HEIGHT * len(rows.labels) / 2 + 4, "Q", weight=600)
    return str(drawing)


def _bins(config: Config, key: str, fixed: Any) -> Bins:
    domain = config.tune.space.get(key)
    return bins(domain) if domain else Bins([label(fixed)], lambda _: 0)


def _draw_cells(
    drawing: Drawing, cells: dict[tuple[int, int], list[dict[str, Any]]], columns: Bins, rows: Bins
) -> None:
    means = {
        place: _mean(whole)
        for place, trials in cells.items()
        if (whole := [t for t in trials if t["status"] == FINISHED])
    }
    low, high = min(means.values(), default=0), max(means.values(), default=1)
    for row in range(len(rows.labels)):
        for column in range(len(columns.labels)):
            x, y = LEFT + WIDTH * column, TOP + HEIGHT * (len(rows.labels) - row - 1)
            trials, mean = cells.get((row, column)), means.get((row, column))
            if not trials:
                _draw_box(drawing, x, y, fill=GRID)
            elif mean is None:
                _draw_box(drawing, x, y, fill=PAPER, stroke=RULE)
                _draw_words(drawing, x, y, f"{100 * _mean(trials):.1f}", f"{len(trials)} stopped", SOFT)
            else:
                share = (mean - low) / (high - low) if high > low else 1.0
                _draw_box(drawing, x, y, fill=shade(share))
                _draw_words(drawing, x, y, f"{100 * mean:.1f}", _count(trials), on_shade(share))


def _draw_box(drawing: Drawing, x: float, y: float, **style: str) -> None:
    drawing.box(x + 1.5, y + 1.5, WIDTH - 3, HEIGHT - 3, **style)


def _draw_words(drawing: Drawing, x: float, y: float, value: str, count: str, fill: str) -> None:
    drawing.text(x + WIDTH / 2, y + 25, value, size=15, weight=600 if fill != SOFT else 400, fill=fill, anchor="middle")
    drawing.text(x + WIDTH / 2, y + 42, count, size=11, fill=fill, anchor="middle")


def _mean(trials: list[dict[str, Any]]) -> float:
    return sum(trial["val_top1"] for trial in trials) / len(trials)


def _count(trials: list[dict[str, Any]]) -> str:
    stopped = sum(trial["status"] == STOPPED for trial in trials)
    return f"{len(trials) - stopped} finished" + (f", {stopped} stopped" if stopped else "")
