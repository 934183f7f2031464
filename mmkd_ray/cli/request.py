"""What a command line asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A command that has been read and not yet been done: so no handler of the parser's stands around the work."""

    call: Callable[[], int]
    """Does it; gives the exit status."""
    again: str = "the same command"
    """What continues it, if it is stopped."""
