"""Our own output, and a log file for everybody else's."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

import rich.console

from mmkd_ray.console.displays import InPlace, LogLines
from mmkd_ray.console.progress import Progress
from mmkd_ray.console.table import Table


class _OnStream(rich.console.Console):
    """As wide as the terminal of its own stream: standard output may be a log file meanwhile."""

    @property
    def size(self) -> rich.console.ConsoleDimensions:  # pyrefly: ignore[bad-override] (nobody sets it)
        try:
            return rich.console.ConsoleDimensions(*os.get_terminal_size(self.file.fileno()))
        except (OSError, ValueError):
            return super().size


class Console:
    """Lines, tables and progress for a person, on one stream.

    On a terminal tables are drawn and progress changes in place, with colours unless NO_COLOR is set. Anywhere else,
    in a log file or a pipe, all of it is plain lines.
    """

    def __init__(self, stream: TextIO) -> None:
        """Output goes to `stream`."""
        self.stream = stream
        # Whether it is a terminal is for the stream alone to say: FORCE_COLOR would colour a log file.
        self._rich = _OnStream(file=stream, force_terminal=stream.isatty(), highlight=False, emoji=False)
        self._is_terminal = self._rich.is_terminal and not self._rich.is_dumb_terminal

    def say(self, text: str | Table = "") -> None:
        """Print a line, or several, or a table."""
        if self._is_terminal:
            self._rich.print(text, markup=False, soft_wrap=not isinstance(text, Table))
        else:
            print(text, file=self.stream, flush=True)

    def progress(self, stage: str, unit: str, rated: str = "") -> Progress:
        """Progress of one stage, counted in `unit` (plural); of the other counts, `rated` is shown as a rate."""
        display = InPlace(self._rich) if self._is_terminal else LogLines(self.stream)
        return Progress(display, stage, unit, rated=rated)


_shown: list[Console] = []
"""The console of the command that is running."""
_noticed: set[str] = set()


def notice(text: str) -> None:
    """Tell the person something that is no failure, once a process, whatever is being shown meanwhile."""
    if text not in _noticed:
        _noticed.add(text)
        (_shown[-1] if _shown else Console(sys.stderr)).say(f"note      {text}")


class _Log(io.TextIOWrapper):
    """A log file that loses what its disk does not take: a full disk must not stop us from saying that it is full."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def quiet_output(log_file: Path) -> Iterator[Console]:
    """Send this process's standard output and error to `log_file`, and give a console on the real output.

    On the level of file descriptors, so that C++ libraries and child processes (Ray's) are quiet too.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    log_file.parent.mkdir(parents=True, exist_ok=True)
    saved = os.dup(1), os.dup(2)
    with (
        _Log(log_file.open("ab"), encoding="utf-8") as log,
        os.fdopen(os.dup(saved[0]), "w", encoding="utf-8") as terminal,
    ):
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            # Python's own streams need not be on these descriptors: a notebook's are not.
            with redirect_stdout(log), redirect_stderr(log):
                _shown.append(Console(terminal))
                yield _shown[-1]
        finally:
            _shown.clear()
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
