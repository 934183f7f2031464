"""The progress of one stage: counts, a rate and an estimate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

TERMINAL_INTERVAL_S = 0.2
LOG_INTERVAL_S = 5.0
"""Least time between two progress lines where the output is not a terminal, so that a log file stays readable."""


class Display(Protocol):
    """Where progress is shown."""

    interval_s: float
    """Least time between two lines."""

    def show(self, stage: str, text: str, share: float | None) -> None:
        """Show where the stage `stage` is; `share` of it is done, in [0, 1]."""

    def end(self, stage: str, text: str) -> None:
        """Show the stage's last line."""


class Progress:
    """One line a stage: `extract    480 / 960 images  50 %  15.2 images/s  760 answers/s  ETA 0:32  2 quarantined`."""

    def __init__(self, display: Display, stage: str, unit: str, *, rated: str = "") -> None:
        """Nothing is shown yet.

        Args:
            display: where it is shown.
            stage: its name, the first word of the line.
            unit: what is counted, in the plural.
            rated: another count whose rate is shown.
        """
        self._display, self._stage, self._unit, self._rated = display, stage, unit, rated
        self._started = time.monotonic()
        self._before: int | None = None
        self._first: tuple[float, int, int] | None = None
        self._shown = float("-inf")
        self._last = (0, 0)

    def __call__(self, done: int, total: int, also: Mapping[str, int] | None = None) -> None:
        """Say that `done` of `total` are done, and other counts by name; shows a line now and then.

        What was done at the first call is an earlier run's work: it does not count in the rate.
        """
        now, also = time.monotonic(), also or {}
        if self._before is None:
            self._before = done
        if self._first is None and done > self._before:
            self._first = (now, done, also.get(self._rated, 0))
        self._last = (done, total)
        if now - self._shown >= self._display.interval_s:
            self._shown = now
            self._display.show(self._stage, self._line(now, done, total, also), done / total if total else None)

    def close(self, remark: str = "") -> None:
        """Show the stage's last line, with its seconds and a remark."""
        done, total = self._last
        seconds = time.monotonic() - self._started
        count = f"{done:,} / {total:,} {self._unit}  " if total else ""
        self._display.end(self._stage, f"{count}{seconds:.1f} s{'  ' + remark if remark else ''}")

    def break_off(self) -> None:
        """Show how far a stage came that does not end; nothing for one that had not begun."""
        if self._last[1]:
            self.close("not finished")

    def _line(self, now: float, done: int, total: int, also: Mapping[str, int]) -> str:
        share = f"{100 * done / total:3.0f} %" if total else ""
        others = "".join(f"  {count:,} {name}" for name, count in also.items() if count and name != self._rated)
        return f"{done:,} / {total:,} {self._unit}  {share}{self._speed(now, done, total, also)}{others}"

    def _speed(self, now: float, done: int, total: int, also: Mapping[str, int]) -> str:
        # The rate is counted from the first result on: start-up (loading a model) would spoil the estimate.
        if self._first is None or now - self._first[0] < 1 or done == self._first[1]:
            return f"  starting, {now - self._started:.0f} s" if self._first is None else ""
        since, first_done, first_rated = self._first
        rate = (done - first_done) / (now - since)
        left = round((total - done) / rate)
        rated = (
            f"  {(also[self._rated] - first_rated) / (now - since):,.0f} {self._rated}/s" if self._rated in also else ""
        )
        return f"  {rate:,.1f} {self._unit}/s{rated}  ETA {left // 60}:{left % 60:02d}"
