"""What of an image source is still to be read: after a kill, or where an earlier table holds some images already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.reading import PARTS, TABLE, Part, cut_into_parts
from mmkd_ray.data.sources.base import Source
from mmkd_ray.errors import DamagedError


@dataclass(frozen=True)
class Remaining:
    """The parts of a source that are not read yet, cut as they are iterated: all at once would fill memory."""

    source: Source
    done: frozenset[str] = frozenset()
    """Those that are, by split and name."""
    earlier: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Stamp and file of images that an earlier table holds, by image."""

    @cached_property
    def images(self) -> int:
        """How many there are in these parts."""
        return sum(len(part.items) for part in self._parts())

    def __iter__(self) -> Iterator[Part]:
        """Each knows which of its images need not be read."""
        return map(self._with_kept, self._parts()) if self.earlier else self._parts()

    def _parts(self) -> Iterator[Part]:
        parts = cut_into_parts(self.source.items())
        return (part for part in parts if f"{part.split}/{part.name}" not in self.done)

    def _with_kept(self, part: Part) -> Part:
        known = [(item, *self.earlier.get(item.image_id, ("", ""))) for item in part.items]
        return replace(part, kept={item.image_id: file for item, stamp, file in known if stamp and stamp == item.stamp})


def read_parts(folder: Folder) -> Iterator[str]:
    """The parts of a table in the making that have been read, by split and name, but for those with a damaged file."""
    for split in folder.child(PARTS).names():
        table, parts = folder.child(TABLE, split), folder.child(PARTS, split)
        rows = {name: rows.num_rows for name, rows in table.read_tables(table.tables(), ["label"], on_damage=_ignore)}
        for name, facts in parts.read_tables(parts.tables(), on_damage=_ignore):
            if rows.get(name) == facts.num_rows - facts["sha256"].null_count:
                yield f"{split}/{name}"


def held_images(table: Folder) -> dict[str, tuple[str, str]]:
    """Stamp and file of every image that a finished image table holds, by image."""
    found = {}
    folder = table.child(PARTS)
    for split in folder.names():
        place = folder.child(split)
        for name, facts in place.read_tables(place.tables(), ["image_id", "stamp", "sha256"], on_damage=_ignore):
            file = f"{split}/{name}"
            for row in facts.to_pylist():
                if row["sha256"]:
                    found[row["image_id"]] = (row["stamp"], file)
    return found


def _ignore(_name: str, _error: DamagedError) -> None:
    """What is damaged is read again."""
