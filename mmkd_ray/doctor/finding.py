"""What a check of the machine finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One line: how it is, and what to do."""

    status: Literal["ok", "warn", "fail"]
    """`fail`: a run is impossible so."""
    name: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """For a person."""
        return f"{self.status:<5} {self.name:<9} {self.text}{'; ' + self.advice if self.advice else ''}"


def gib(size: float) -> str:
    """A size in bytes, for people."""
    return f"{size / GIB:,.1f} GiB"
