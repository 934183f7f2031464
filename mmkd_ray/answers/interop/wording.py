"""Counts and examples in messages."""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = 3


def count(number: int, noun: str) -> str:
    """`1 entry`, `2,301 entries`, `2 names`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def examples(values: Iterable[str]) -> str:
    """`e.g. a, b, c`: the first few, each once."""
    return f"e.g. {', '.join(list(dict.fromkeys(values))[:_SHOWN])}"
