"""A heat map in SVG: a table of cells, the better the darker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmkd_ray.render.svg import GRID, PAPER, RULE, SOFT, Drawing, on_shade, shade

LEFT, TOP, WIDTH, HEIGHT = 116, 84, 136, 54
"""Margins of the cells, and the size of one, in px."""


@dataclass(frozen=True)
class Cell:
    """A place of the table that has something in it."""

    value: str
    note: str
    """Below the value, smaller."""
    share: float | None
    """How good the value is, from 0 (the worst of all cells) to 1; None for a cell that is not compared: white."""


@dataclass(frozen=True)
class Side:
    """The columns, or the rows from the lowest upwards."""

    name: str
    labels: Sequence[str]


def draw_heat_map(title: str, subtitle: str, columns: Side, rows: Side, cells: Mapping[tuple[int, int], Cell]) -> str:
    """An SVG that stands alone.

    Args:
        title: in bold above it.
        subtitle: below the title.
        columns: from the left.
        rows: from the bottom.
        cells: by (row, column); a place without one is grey.
    """
    bottom = TOP + HEIGHT * len(rows.labels)
    right = LEFT + WIDTH * len(columns.labels)
    drawing = Drawing(max(right + 24, 640), bottom + 60, title, subtitle)
    for row in range(len(rows.labels)):
        for column in range(len(columns.labels)):
            _draw_cell(drawing, LEFT + WIDTH * column, bottom - HEIGHT * (row + 1), cells.get((row, column)))
    for k, text in enumerate(columns.labels):
        drawing.text(LEFT + WIDTH * (k + 0.5), bottom + 20, text, fill=SOFT, anchor="middle")
    for k, text in enumerate(rows.labels):
        drawing.text(LEFT - 12, bottom - HEIGHT * (k + 0.5) + 4, text, fill=SOFT, anchor="end")
    drawing.text((LEFT + right) / 2, bottom + 42, columns.name, anchor="middle", weight=600)
    drawing.text(24, (TOP + bottom) / 2 + 4, rows.name, weight=600)
    return str(drawing)


def _draw_cell(drawing: Drawing, x: float, y: float, cell: Cell | None) -> None:
    if cell is None:
        _draw_box(drawing, x, y, fill=GRID)
    elif cell.share is None:
        _draw_box(drawing, x, y, fill=PAPER, stroke=RULE)
        _draw_words(drawing, x, y, cell, SOFT)
    else:
        _draw_box(drawing, x, y, fill=shade(cell.share))
        _draw_words(drawing, x, y, cell, on_shade(cell.share))


def _draw_box(drawing: Drawing, x: float, y: float, **style: str) -> None:
    drawing.box(x + 1.5, y + 1.5, WIDTH - 3, HEIGHT - 3, **style)


def _draw_words(drawing: Drawing, x: float, y: float, cell: Cell, fill: str) -> None:
    weight = 400 if cell.share is None else 600
    drawing.text(x + WIDTH / 2, y + 25, cell.value, size=15, weight=weight, fill=fill, anchor="middle")
    drawing.text(x + WIDTH / 2, y + 42, cell.note, size=11, fill=fill, anchor="middle")
