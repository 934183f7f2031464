"""Whether the decoded images that the processes of a node keep in memory fit there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.memory import Room
from mmkd_ray.data.table import split_folders
from mmkd_ray.errors import DataError

PROCESS = 2**29
"""Bytes of a worker with torch and timm imported, beside its images; a model's own memory comes on top."""


@dataclass(frozen=True)
class Load:
    """Decoded images that a process keeps."""

    images: int
    size: int
    """Height and width in pixels."""
    encoded: int = 0
    """Bytes of their files, which are in memory while they are decoded."""

    @property
    def decoded(self) -> int:
        """Bytes of the pixels."""
        return self.images * 3 * self.size**2


def load_of(run: Run, counts: dict[str, int], splits: Sequence[str], size: int) -> Load:
    """What `load_pixels` will load.

    Args:
        run: with its image table.
        counts: images by split, of the table's record.
        splits: which images.
        size: S.
    """
    encoded = sum(sum(folder.sizes().values()) for folder in split_folders(run, splits))
    return Load(sum(counts.get(split, 0) for split in splits), size, encoded)


def bytes_needed(loads: Sequence[Load]) -> int:
    """Most bytes that the images of one process take: all loads, and the files of the largest while it is decoded."""
    return sum(load.decoded for load in loads) + max((load.encoded for load in loads), default=0)


def check_fits(loads: Sequence[Load], room: Room) -> None:
    """Compare the bytes that all processes of a node need with those that are there.

    Args:
        loads: what each of them keeps.
        room: of the node.

    Raises:
        DataError: they do not fit; the message has both numbers, and says what to do.
    """
    each = bytes_needed(loads) + PROCESS
    there = room.limit.size - room.object_store
    if room.processes * each <= there:
        return
    kept = ", ".join(f"{load.images:,} of {load.size} x {load.size} px" for load in loads)
    possible = max(0, there // each)
    fewer = f"have {possible} side by side ({room.fewer}), or " if possible else ""
    raise DataError(
        f"decoded images need {_gib(room.processes * each)} on a node: {room.processes} side by side, {_gib(each)} "
        f"each ({kept}); {_gib(there)} are there: {room.limit.source} of {_gib(room.limit.size)} less "
        f"{_gib(room.object_store)} for Ray's object store; {fewer}set a smaller student.image_size or "
        "train.decode_size, or use fewer images"
    )


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB"
