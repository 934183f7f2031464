"""What a person sees: our own lines on the terminal, everybody else's in a log file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

TERMINAL_INTERVAL_S = 0.2
LOG_INTERVAL_S = 5.0
"""Least time between two progress lines where the output is no terminal, so that a log file stays readable."""


class Console:
    """Lines and progress for a person, on one stream."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._is_terminal = stream.isatty()

    def say(self, text: str = "") -> None:
        """Print a line, or several."""
        print(text, file=self.stream, flush=True)

    def progress(self, stage: str, unit: str, rated: str = "") -> Progress:
        """Progress of one stage, counted in `unit` (plural); of the other counts, `rated` is shown as a rate."""
        return Progress(self.stream, stage, unit, rated=rated, in_place=self._is_terminal)


class Progress:
    """One line a stage: `extract    480 / 960 images  50 %  15.2 images/s  760 answers/s  ETA 0:32  2 quarantined`."""

    def __init__(self, stream: TextIO, stage: str, unit: str, *, rated: str = "", in_place: bool) -> None:
        self._stream, self._stage, self._unit, self._in_place = stream, stage, unit, in_place
        self._rated = rated
        self._started = time.monotonic()
        self._before: int | None = None
        self._first: tuple[float, int, int] | None = None
        self._shown = float("-inf")
        self._last = (0, 0)

    def __call__(self, done: int, total: int, also: Mapping[str, int] | None = None) -> None:
        """Say that `done` of `total` are done, and other counts by name; shows a line now and then.

        What was done at the first call is an earlier run's work: it is no part of the rate.
        """
        now, also = time.monotonic(), also or {}
        if self._before is None:
            self._before = done
        if self._first is None and done > self._before:
            self._first = (now, done, also.get(self._rated, 0))
        self._last = (done, total)
        if now - self._shown >= (TERMINAL_INTERVAL_S if self._in_place else LOG_INTERVAL_S):
            self._shown = now
            self._write(self._line(now, done, total, also), last=False)

    def close(self, remark: str = "") -> None:
        """Show the stage's last line, with its seconds and a remark."""
        done, total = self._last
        seconds = time.monotonic() - self._started
        count = f"{done:,} / {total:,} {self._unit}  " if total else ""
        self._write(f"{self._stage:<9} {count}{seconds:.1f} s{'  ' + remark if remark else ''}", last=True)

    def break_off(self) -> None:
        """Show how far a stage came that does not end; nothing for one that had not begun."""
        if self._last[1]:
            self.close("not finished")

    def _line(self, now: float, done: int, total: int, also: Mapping[str, int]) -> str:
        share = f"{100 * done / total:3.0f} %" if total else ""
        others = "".join(f"  {count:,} {name}" for name, count in also.items() if count and name != self._rated)
        return (
            f"{self._stage:<9} {done:,} / {total:,} {self._unit}  {share}{self._speed(now, done, total, also)}{others}"
        )

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

    def _write(self, line: str, *, last: bool) -> None:
        if self._in_place:
            self._stream.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


@contextmanager
def quiet_output(log_file: Path) -> Iterator[Console]:
    """Send this process's standard output and error to `log_file`, and give a console on the real output.

    On the level of file descriptors, so that C++ libraries and child processes (Ray's) are quiet too.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    log_file.parent.mkdir(parents=True, exist_ok=True)
    saved = os.dup(1), os.dup(2)
    with log_file.open("a", encoding="utf-8") as log, os.fdopen(os.dup(saved[0]), "w", encoding="utf-8") as terminal:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            # Python's own streams need not be on these descriptors: a notebook's are not.
            with redirect_stdout(log), redirect_stderr(log):
                yield Console(terminal)
        finally:
            log.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            for descriptor in saved:
                os.close(descriptor)


def last_lines(log_file: Path, count: int = 15) -> str:
    """The end of a log file, for a person to whom something failed."""
    if not log_file.is_file():
        return ""
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-count:])
