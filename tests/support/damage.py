"""Damage to files, as disks and copies do it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KINDS = ("empty", "half", "wrong", "gone")
"""Of whole files; `wrong` is valid JSON that somebody else wrote."""


def damage(path: Path, kind: str) -> None:
    """Damage a file."""
    content = path.read_bytes()
    if kind == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "wrong": b'["wrong"]'}[kind])


@contextmanager
def flipped_bits(path: Path, count: int) -> Iterator[Iterator[int]]:
    """Give the numbers of so many random bits of a file, each flipped while its turn lasts; it is mended after."""
    content, choose = path.read_bytes(), random.Random(0)

    def each() -> Iterator[int]:
        for _ in range(count):
            bit = choose.randrange(len(content) * 8)
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            yield bit

    try:
        yield each()
    finally:
        path.write_bytes(content)
