"""The interface of an image source: what it holds, in a fixed order, and how any node of a cluster reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

GroupKind = Literal["", "object", "subgroup"]
"""What `Item.group` is: nothing, the object (patient, video, ...) that an image shows, which no split is chosen through
the middle of, or a subgroup of the data that results are told apart by, and which every split has."""


@dataclass(frozen=True, slots=True)
class Box:
    """An object in an image."""

    x: float
    """Of its left side in pixels, from the image's left side."""
    y: float
    """Of its upper side in pixels, from the image's upper side."""
    width: float
    height: float
    label: int
    """Its class."""
    area: float
    """In square pixels, as annotated: of the object's outline where there is one, else of the box."""
    is_crowd: bool = False
    """Whether it stands for many objects at once (or, of Pascal VOC, is marked as difficult): no detector is asked to
    find it."""


CORNERS = ("x", "y", "width", "height")
"""What says where a box lies."""


def place_of(box: Mapping[str, Any]) -> str:
    """Where a box lies in its image, in pixels: the same text for the same place."""
    return ",".join(f"{box[key]:.6g}" for key in CORNERS)


def subject_id(image_id: str, box: Mapping[str, Any]) -> str:
    """Name of the object in a box as what a question is about: the image's, and where the box lies in it."""
    return f"{image_id}#{place_of(box)}"


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source, before it is read."""

    image_id: str
    label: int | None
    """None in a data set of boxes."""
    class_name: str | None
    split: str
    group: str | None = None
    """See `GroupKind`; None if that is not known."""
    place: Any = None
    """Where the source's reader finds it; plain data."""
    problem: str = ""
    """Why it cannot be read, as far as that is known from the listing; the reader is not asked for it then."""
    size: int = 0
    """Bytes, as far as that is known."""
    stamp: str = ""
    """Another one if its content may have changed, as a file's size and time; empty where nothing says so."""
    boxes: tuple[Box, ...] | None = None
    """All that are good ones; None in a data set of one label an image."""
    pixels: tuple[int, int] | None = None
    """Width and height that the boxes refer to: an image of another size is a bad one."""


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read, and why."""

    path: str
    reason: str


class Reader(Protocol):
    """Reads images of a source; it is sent to the nodes of a cluster."""

    def read(self, items: Sequence[Item]) -> Iterator[bytes | BadImage]:
        """The encoded bytes of each, in order."""
        ...


class Source(Protocol):
    """An image source: knows its images and classes before it reads a pixel."""

    class_names: tuple[str, ...]
    group_kind: GroupKind
    """What the groups of its items are."""

    @property
    def reader(self) -> Reader:
        """Reads what `items` lists, on any node."""
        ...

    def __len__(self) -> int:
        """Number of images, bad ones included."""
        ...

    def describe(self) -> list[str]:
        """How what lies there was read, a line each."""
        ...

    def identity(self) -> dict[str, Any]:
        """Plain values that change when the content does."""
        ...

    def items(self) -> Iterator[Item]:
        """Every image once, in a stable order."""
        ...
