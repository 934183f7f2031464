"""Progress as lines of a log, and in place on a terminal."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mmkd_ray.console.progress import LOG_INTERVAL_S, TERMINAL_INTERVAL_S

_NAME = 9
"""Columns of a stage's name."""
_LEAST_BAR, _MOST_BAR = 10, 40
"""Columns of a bar."""


class LogLines:
    """A line now and then, one after the other, without colours."""

    interval_s = LOG_INTERVAL_S

    def __init__(self, stream: TextIO) -> None:
        """Lines go to `stream`."""
        self._stream = stream

    def show(self, stage: str, text: str, share: float | None) -> None:  # noqa: ARG002
        """Write a line."""
        print(f"{stage:<{_NAME}} {text}", file=self._stream, flush=True)

    def end(self, stage: str, text: str) -> None:
        """Write a line."""
        self.show(stage, text, None)


class InPlace:
    """One line that changes, with a bar where there is room for one; the last line stays."""

    interval_s = TERMINAL_INTERVAL_S

    def __init__(self, console: Console) -> None:
        """The line is drawn by `console`."""
        self._console = console
        self._live: Live | None = None

    def show(self, stage: str, text: str, share: float | None) -> None:
        """Draw the line anew."""
        if self._live is None:
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
            self._console.show_cursor(True)  # a process that is killed could not bring it back
        self._live.update(self._drawn(_line(stage, text), share), refresh=True)

    def end(self, stage: str, text: str) -> None:
        """Write the last line in place of the one that changed."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._console.print(_line(stage, text), soft_wrap=True, highlight=False)

    def _drawn(self, line: Text, share: float | None) -> RenderableType:
        line.no_wrap, line.overflow = True, "ellipsis"
        room = self._console.width - line.cell_len - 3
        if share is None or room < _LEAST_BAR:
            return line
        grid = Table.grid(padding=(0, 2))
        grid.add_row(line, ProgressBar(total=1.0, completed=share, width=min(room, _MOST_BAR)))
        return grid


def _line(stage: str, text: str) -> Text:
    return Text.assemble((f"{stage:<{_NAME}}", "bold"), f" {text}")
