"""What a person sees on a terminal: a pseudo terminal of some width."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
from contextlib import contextmanager

import pytest

from mmkd_ray.console import Console, Table

COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-9]|9[0-7])[0-9;]*m")


@contextmanager
def terminal(columns):
    """A stream on a pseudo terminal of so many columns, and a function that reads what came out of it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def read():
        """All of it: the kernel hands it over in pieces."""
        seen = b""
        while select.select([ours], [], [], 0.5)[0]:
            seen += os.read(ours, 1 << 16)
        return seen.decode()

    with os.fdopen(theirs, "w") as stream:
        yield stream, read
    os.close(ours)


@pytest.fixture(autouse=True)
def _a_usual_environment(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def plain(text):
    """Without escape sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def ran(columns, monkeypatch, *, remark="2 students"):
    clock = {"now": 0.0}
    monkeypatch.setattr("mmkd_ray.console.progress.time.monotonic", lambda: clock["now"])
    with terminal(columns) as (stream, read):
        progress = Console(stream).progress("train", "epochs")
        for done in range(4):
            clock["now"] = 3.0 * done
            progress(done, 3)
        before = read()
        progress.close(remark)
        return before, read()


def test_a_terminal_keeps_one_line(monkeypatch):
    before, last = ran(80, monkeypatch)
    assert "\n" not in before.strip()
    assert "train     3 / 3 epochs  100 %  0.3 epochs/s  ETA 0:00" in plain(before)
    assert "━" in before
    assert plain(last).strip().endswith("train     3 / 3 epochs  9.0 s  2 students")
    assert last.endswith("\x1b[?25h") or "\x1b[?25h" in before, "the cursor is shown"


def test_a_narrow_terminal_cuts_the_line_that_changes_and_not_the_last(monkeypatch):
    before, last = ran(30, monkeypatch, remark="a remark that is longer than thirty columns")
    drawn = re.split(r"[\r\n]+", plain(before))
    assert max(map(len, drawn)) <= 30
    assert "…" in before
    assert "━" not in before
    assert "a remark that is longer than thirty columns" in plain(last)


def test_colours_are_for_a_terminal_that_wants_some(monkeypatch):
    assert COLOUR.search(ran(80, monkeypatch)[0])
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search("".join(ran(80, monkeypatch)))


def test_a_file_never_has_colours_or_a_bar(tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with (tmp_path / "log").open("w") as stream:
        console = Console(stream)
        console.say(Table(("name", "value"), [("a", "1")]))
        progress = console.progress("train", "epochs")
        progress(1, 2)
        progress.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[:4] == ["name  value", "-----------", "a     1", "train     1 / 2 epochs   50 %  starting, 0 s"]
    assert "\x1b" not in "".join(lines)


def test_a_terminal_that_can_only_write_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    before, last = ran(80, monkeypatch)
    assert "\x1b" not in before + last
    assert last.strip() == "train     3 / 3 epochs  9.0 s  2 students"


def test_what_is_said_is_said_as_it_is():
    """No markup, no emoji, no folding: a path must be copied whole."""
    text = "[bold]x[/bold] :smile: /a/very/long/path/" + "p" * 60
    with terminal(40) as (stream, read):
        Console(stream).say(text)
        assert plain(read()).replace("\r\n", "\n") == text + "\n"
