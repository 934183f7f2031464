"""Predictions for a person: a table of the first ones, explanations below it, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from mmkd_ray.console import Table
from mmkd_ray.prediction.short import short_forms
from mmkd_ray.students.card import Card

SHOWN = 50
"""Rows, and images that cannot be read, that are shown."""
_RUNNERS_UP = 2
_YES = 4
"""Aspects answered yes that are shown by name."""


@dataclass
class Shown:
    """What has come so far: counts of all rows, and the first of them."""

    card: Card
    good: int = 0
    bad: int = 0
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _errors: list[str] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        """Take in some rows."""
        bad = table["error"].is_valid()
        found = len(table) - table["error"].null_count
        self.bad += found
        self.good += len(table) - found
        if (room := SHOWN - len(self._rows)) > 0:
            self._rows += table.filter(table["error"].is_null()).slice(0, room).to_pylist()
        if found and (room := SHOWN - len(self._errors)) > 0:
            rows = table.filter(bad).slice(0, room).to_pylist()
            self._errors += [f"{_in_one_line(row['image'])}: {row['error']}" for row in rows]

    def lines(self, output: str) -> Iterator[str | Table]:
        """What is said in the end.

        Args:
            output: the file that has all rows; empty if there is none.
        """
        all_rows = f"all are in {output}" if output else "--output FILE.jsonl or FILE.parquet has all"
        if self._rows:
            yield self._table()
        for row in self._rows:
            if row.get("explanation"):
                yield "\n".join(_explained(row))
        if self.good > len(self._rows):
            yield f"and {self.good - len(self._rows):,} more: {all_rows}"
        for error in self._errors:
            yield f"cannot be read: {error}"
        if self.bad > len(self._errors):
            yield f"and {self.bad - len(self._errors):,} more that cannot be read: {all_rows}"

    def _table(self) -> Table:
        short = short_forms(self.card.questions)
        cells = [
            (image, row["class"], f"{row['confidence']:.2f}", self._runners_up(row), _yes(row, short))
            for row in self._rows
            for image in [_in_one_line(row["image"])]
        ]
        width = 5 if self.card.questions else 4
        header = ("image", "class", "confidence", "then", "yes")
        return Table(header[:width], [row[:width] for row in cells], right=frozenset({2}))

    def _runners_up(self, row: dict[str, Any]) -> str:
        probabilities = np.array(row["probabilities"])
        order = np.argsort(-probabilities, kind="stable")[1 : 1 + _RUNNERS_UP]
        return ", ".join(f"{self.card.class_names[place]} {probabilities[place]:.2f}" for place in order)


def _explained(row: dict[str, Any]) -> Iterator[str]:
    explanation = row["explanation"]
    named, other = row["class"], explanation["runner_up"]
    yield f"\n{_in_one_line(row['image'])}: {named}, confidence {row['confidence']:.2f}; against {other}:"
    for one in (*explanation["speaks_for"], *explanation["speaks_against"]):
        yield (
            f"  {one['log_odds']:+5.1f}  {one['question']} yes {one['p_yes']:.2f}; "
            f"in training {one['class_yes']:.2f} of {named}, {one['runner_up_yes']:.2f} of {other}"
        )
    if explanation["warning"]:
        yield f"  warning: {explanation['warning']}"


def _in_one_line(name: str) -> str:
    """A file's name may hold line breaks, and signs that a terminal obeys: these are written as Python writes them."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def _yes(row: dict[str, Any], short: list[str]) -> str:
    p_yes = np.array(row["aspects"])
    order = [place for place in np.argsort(-p_yes, kind="stable") if p_yes[place] >= 0.5]
    more = f" + {len(order) - _YES}" if len(order) > _YES else ""
    return ", ".join(short[place] for place in order[:_YES]) + more
