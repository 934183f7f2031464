"""Parts of an image source, read: on any node, in any order, each written down as files of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder
from mmkd_ray.data.decode import check_decodes
from mmkd_ray.data.encoded import holds_places, sha256_of
from mmkd_ray.data.sources.base import BadImage, Item, Reader
from mmkd_ray.errors import DamagedError, DataError, TooManyPixelsError

TABLE, PARTS = "table", "parts"
"""Folders of an image table: `SPLIT/part-*.parquet` with the images, and as many files on what was read."""
MAX_PART_BYTES = 64 * 2**20
"""A part ends when it holds so much or `MAX_PART_ROWS`: its file is what Ray Data spreads over nodes."""
MAX_PART_ROWS = 256


@dataclass(frozen=True)
class Part:
    """Consecutive images of a split, and the file of the image table that they become."""

    split: str
    number: int
    places: tuple[int, ...]
    """Of its images in the order of the source."""
    items: tuple[Item, ...]
    kept: Mapping[str, str] = field(default_factory=dict)
    """Files of an earlier table that hold images of this part as they still are, by image."""

    @property
    def name(self) -> str:
        """Of its files."""
        return f"part-{self.number:05d}.parquet"


def cut_into_parts(items: Iterable[Item]) -> Iterator[Part]:
    """The images of a source, a split at a time in each part; the same parts on every machine."""
    open_parts: dict[str, tuple[list[int], list[Item]]] = defaultdict(lambda: ([], []))
    sizes: defaultdict[str, int] = defaultdict(int)
    numbers: defaultdict[str, int] = defaultdict(int)

    def closed(split: str) -> Part:
        places, held = open_parts.pop(split)
        part = Part(split, numbers[split], tuple(places), tuple(held))
        numbers[split] += 1
        sizes[split] = 0
        return part

    for place, item in enumerate(items):
        places, held = open_parts[item.split]
        places.append(place)
        held.append(item)
        sizes[item.split] += item.size
        if sizes[item.split] >= MAX_PART_BYTES or len(held) >= MAX_PART_ROWS:
            yield closed(item.split)
    for split in list(open_parts):
        yield closed(split)


@dataclass(frozen=True)
class PartReader:
    """Reads parts and writes them; it is sent to the nodes of a cluster."""

    folder: Folder
    """Of the image table that is made."""
    reader: Reader
    columns: pa.Schema
    """Of its table."""
    max_pixels: int | None
    """Larger images are bad ones."""
    earlier: Folder | None = None
    """An image table that holds what `Part.kept` says."""
    files: Folder | None = None
    """Where the images lie, if the table is to hold their places and not their bytes."""

    def __call__(self, part: Part, tick: Callable[[], None] = lambda: None) -> int:
        """Read, check, hash and write a part; returns how many images it has.

        Args:
            part: what to read.
            tick: called after each image.
        """
        rows, facts = [], []
        for place, item, found in self._read(part):
            sha256 = reason = None
            if isinstance(found, BadImage):
                reason = found.reason
            else:
                sha256 = found.sha256
                rows.append({"image": found.image, "sha256": sha256, **_named(item)})
            facts.append({"place": place, "sha256": sha256, "reason": reason, "stamp": item.stamp, **_named(item)})
            tick()
        self.folder.child(TABLE, part.split).write_table(part.name, pa.Table.from_pylist(rows, schema=self.columns))
        # Last: a part is read when this file is there.
        self.folder.child(PARTS, part.split).write_table(part.name, pa.Table.from_pylist(facts, schema=schema.READ))
        return len(part.items)

    def _read(self, part: Part) -> Iterator[tuple[int, Item, _Content | BadImage]]:
        kept = self._kept(part)
        lacking = [item for item in part.items if item.image_id not in kept]
        read = read_checked(self.reader, lacking, self.max_pixels)
        for place, item in zip(part.places, part.items, strict=True):
            if item.image_id in kept:
                yield place, item, kept[item.image_id]
            else:
                encoded = next(read)
                yield place, item, encoded if isinstance(encoded, BadImage) else self._content(item, encoded)

    def _content(self, item: Item, encoded: bytes) -> _Content:
        image = self._place(item, len(encoded)) if self.files else encoded
        return _Content(image, sha256_of(encoded))

    def _place(self, item: Item, size: int) -> dict[str, Any]:
        assert self.files is not None, "images lie there"
        return {"folder": self.files.address, "path": item.image_id, "size": size}

    def _kept(self, part: Part) -> dict[str, _Content]:
        """The images of the part that an earlier table holds undamaged, its files read once each."""
        found: dict[str, _Content] = {}
        items = {item.image_id: item for item in part.items}
        columns = ["image_id", "sha256"] if self.files else ["image_id", "sha256", "image"]
        for file in dict.fromkeys(part.kept.values()):
            assert self.earlier is not None, "where images are kept, a table holds them"
            try:
                table = self.earlier.child(TABLE).read_table(file, columns=columns)
            except DamagedError:
                continue
            if not self.files and holds_places(table.schema):
                continue
            for row in table.to_pylist():
                image_id, sha256 = row["image_id"], row["sha256"]
                if part.kept.get(image_id) != file:
                    continue
                if self.files:
                    found[image_id] = _Content(self._place(items[image_id], items[image_id].size), sha256)
                elif sha256_of(row["image"]) == sha256:
                    found[image_id] = _Content(row["image"], sha256)
        return found


@dataclass(frozen=True)
class _Content:
    """A good image: what the column `image` holds of it, and its hash."""

    image: bytes | dict[str, Any]
    sha256: str


def read_checked(reader: Reader, items: Sequence[Item], max_pixels: int | None) -> Iterator[bytes | BadImage]:
    """The encoded bytes of each image, in order; what cannot be read or decoded, or is larger, is a `BadImage`."""
    read = reader.read([item for item in items if not item.problem])
    for item in items:
        found = BadImage(item.image_id, item.problem) if item.problem else next(read)
        if isinstance(found, bytes):
            try:
                _check_size(item, check_decodes(found, max_pixels=max_pixels))
            except DataError as error:
                key = " (data.max_pixels)" if isinstance(error, TooManyPixelsError) else ""
                yield BadImage(item.image_id, f"{error}{key}")
                continue
        yield found


def _check_size(item: Item, size: tuple[int, int]) -> None:
    """Boxes of an image that was resized or turned after they were drawn would lie anywhere."""
    if item.pixels and item.pixels != size:
        width, height = item.pixels
        raise DataError(f"it is {size[0]} x {size[1]} pixels, and its boxes are for {width} x {height}")


def _named(item: Item) -> dict[str, Any]:
    columns = ("image_id", "label", "class_name", "split", "group")
    boxes = {} if item.boxes is None else {"boxes": [asdict(box) for box in item.boxes]}
    return {column: getattr(item, column) for column in columns} | boxes


def here(read: Callable[..., int], parts: Iterable[Part], tick: Callable[[int], None]) -> None:
    """Read parts one after the other in this process.

    Args:
        read: a `PartReader`.
        parts: what to read.
        tick: called with the number of images that were read since.
    """
    for part in parts:
        read(part, lambda: tick(1))
