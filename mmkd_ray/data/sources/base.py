"""The interface of an image source: rows in a fixed order, and the identity of its content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class ImageRow:
    """One image of the image table, encoded."""

    image_id: str
    image: bytes
    label: int
    class_name: str
    split: str
    group: str | None = None
    """The object that it shows, by `data.group`; None if that is not known."""


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read, and why."""

    path: str
    reason: str


class Source(Protocol):
    """An image source: knows its size and classes before it reads a pixel."""

    class_names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of images, bad ones included."""
        ...

    def describe(self) -> list[str]:
        """How what lies there was read, a line each."""
        ...

    def identity(self) -> dict[str, Any]:
        """Plain values that change when the content does."""
        ...

    def rows(self) -> Iterator[ImageRow | BadImage]:
        """Every image once, in a stable order."""
        ...
