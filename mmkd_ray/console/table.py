"""A table: drawn on a terminal, aligned text anywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import rich.box
import rich.table
from rich.text import Text


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; `str` of it is aligned plain text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()
    """Columns of numbers, which stand to the right."""
    notes: Mapping[int, str] = field(default_factory=dict)
    """A line below the row of this number."""

    def __str__(self) -> str:
        """Aligned, a rule under the header; every line ends with its last word."""
        table = [self.header, *self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.header))]
        lines = [self._line(row, widths) for row in table]
        text = [lines[0], "-" * max(map(len, lines))]
        for number, line in enumerate(lines[1:]):
            text += [line, *([f"      {self.notes[number]}"] if number in self.notes else [])]
        return "\n".join(text)

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = [
            text.rjust(width) if column in self.right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    def __rich__(self) -> rich.table.Table:
        """Drawn: cells that do not fit are folded; a note stands in its row's first cell of text."""
        table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
        for column, name in enumerate(self.header):
            table.add_column(Text(name), justify="right" if column in self.right else "left", overflow="fold")
        noted = next((column for column in range(len(self.header)) if column not in self.right), 0)
        for number, row in enumerate(self.rows):
            cells = [Text(cell) for cell in row]
            if number in self.notes:
                cells[noted].append(f"\n{self.notes[number]}", style="dim")
            table.add_row(*cells)
        return table
