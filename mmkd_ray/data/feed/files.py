"""Files of images on this machine: made once for all its processes, kept for later runs while there is room.

A process maps a file into its memory: the kernel keeps of it what fits there, once for all processes, and reads the
rest from the disk.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Int64, UInt8

from mmkd_ray.cluster.memory import memory_limit
from mmkd_ray.errors import DataError, NoRoomError

Image = tuple[bytes | memoryview, int, int]
"""Content of an image in a file, its width and its height."""


@dataclass(frozen=True)
class ImageFile:
    """A file with N images, one after the other; behind them, int64 [N, 3]: bytes, width and height of each."""

    path: Path
    count: int
    """N."""

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file itself."""
        return {"path": self.path, "count": self.count}

    @cached_property
    def content(self) -> UInt8[np.ndarray, " B"]:
        """All bytes of all images; what a process changes stays with it."""
        return np.frombuffer(self.mapped, np.uint8, count=int(self._ends[-1]))

    @cached_property
    def mapped(self) -> mmap.mmap:
        """The file in this process's memory."""
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    @cached_property
    def index(self) -> Int64[np.ndarray, "N 3"]:
        """Bytes, width, height."""
        at = self.path.stat().st_size - _index_size(self.count)
        return np.fromfile(self.path, np.int64, offset=at).reshape(self.count, 3)

    def bytes_of(self, row: int) -> UInt8[np.ndarray, " B"]:
        """The content of an image."""
        return self.content[self._span(row)]

    def expect(self, rows: Iterable[int]) -> None:
        """Have the kernel begin to read images that it does not hold, all of them at once and not page by page."""
        for row in rows:
            span = self._span(row)
            begin = span.start // mmap.PAGESIZE * mmap.PAGESIZE
            self.mapped.madvise(mmap.MADV_WILLNEED, begin, span.stop - begin)

    def _span(self, row: int) -> slice:
        """Where an image lies."""
        end = int(self._ends[row])
        return slice(end - int(self.index[row, 0]), end)

    @cached_property
    def _ends(self) -> Int64[np.ndarray, " N"]:
        return self.index[:, 0].cumsum()


def image_file(name: str, count: int, images: Callable[[], Iterable[list[Image]]], *, what: str) -> ImageFile:
    """The file of this name, made if it is not there.

    Args:
        name: says what is in it.
        count: N, at least one.
        images: gives the images, some at a time; it is called if the file has to be made.
        what: for a message, in the plural.

    Raises:
        NoRoomError: the disk does not hold it.
        DataError: the folder belongs to another user.
    """
    place = _own(cache_folder()) / name
    with FileLock(f"{place}.lock"):
        if not _is_whole(place, count):
            _make(place, count, images(), what)
    os.utime(place)  # the least recently used go first
    return ImageFile(place, count)


def cache_folder() -> Path:
    """Where the files are: a folder of this user's in the machine's folder for temporary files (TMPDIR)."""
    return Path(tempfile.gettempdir(), f"mmkd_ray-{os.getuid()}", "decoded")


def cached_files() -> list[Path]:
    """All of them, the least recently used first."""
    used = {}
    for file in cache_folder().glob("*"):
        with suppress(FileNotFoundError):  # another process has just renamed or deleted it
            used[file] = file.stat().st_mtime
    return sorted((file for file in used if file.suffix != ".lock"), key=lambda file: used[file])


def _own(folder: Path) -> Path:
    """The folder, made if it is not there; nobody else may write into it."""
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    if folder.parent.stat().st_uid != os.getuid():
        raise DataError(f"{folder.parent} belongs to another user: set TMPDIR to a folder of your own")
    folder.mkdir(exist_ok=True)
    return folder


def _is_whole(place: Path, count: int) -> bool:
    if not place.exists() or place.stat().st_size <= _index_size(count):
        return False
    sizes_N = ImageFile(place, count).index[:, 0]
    return bool((sizes_N >= 0).all()) and sizes_N.sum() + _index_size(count) == place.stat().st_size


def _index_size(count: int) -> int:
    return count * 3 * np.dtype(np.int64).itemsize


def _make(place: Path, count: int, images: Iterable[list[Image]], what: str) -> None:
    """Write a file that gets its name when it is whole."""
    part = place.with_name(f"{place.name}.part")  # of a killed process, too: only the holder of the lock writes it
    index, rows, written, size = [], 0, 0, 0
    try:
        with part.open("wb", buffering=0) as file:
            for some in images:
                index.append(np.array([(memoryview(content).nbytes, *shape) for content, *shape in some], np.int64))
                rows, expected = rows + len(some), written + int(index[-1][:, 0].sum())
                size = expected * count // rows + _index_size(count)  # as far as it is known yet
                _make_room(part, written, size, what)
                for content, _, _ in some:
                    _write(file, content, size, what)
                written = expected
            assert rows == count, "the table has the rows that its record counts"
            _write(file, np.concatenate(index).data, size, what)
            os.fsync(file.fileno())
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _make_room(part: Path, written: int, size: int, what: str) -> None:
    """Delete the files that have not been used for longest until there is room; who uses one keeps it until the end."""
    for old in cached_files():
        if _free(part.parent, written) > size - written:
            return
        if old != part and not _is_being_made(old):
            with suppress(OSError):
                old.unlink()
    if _free(part.parent, written) < size - written:
        raise _no_room(part, written, size, what)


def _is_being_made(file: Path) -> bool:
    """Whether another process is writing a file that has no name yet: it holds the lock of that name."""
    if file.suffix != ".part":
        return False
    lock = FileLock(f"{file.with_suffix('')}.lock")
    try:
        with lock.acquire(blocking=False):
            return False
    except Timeout:
        return True


def _write(file: FileIO, content: bytes | memoryview, size: int, what: str) -> None:
    rest = memoryview(content).cast("B")
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise _no_room(Path(file.name), file.tell(), size, what) from error


def _no_room(part: Path, written: int, size: int, what: str) -> NoRoomError:
    room = (_free(part.parent, written) + written) / 2**30
    return NoRoomError(
        f"{what} take {size / 2**30:,.2f} GiB, and {part.parent} has room for {room:,.2f} GiB: set TMPDIR to a folder "
        "on a larger disk, or use a smaller student.image_size or train.decode_size"
    )


def _free(folder: Path, written: int) -> int:
    """Bytes that a file there may take besides what is written of it.

    Of a disk in memory (tmpfs), no more than half of what processes may use.
    """
    free = shutil.disk_usage(folder).free
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    within = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    in_memory = within and max(within, key=lambda mount: len(mount[1]))[2] in ("tmpfs", "ramfs")
    return min(free, memory_limit().size // 2 - written) if in_memory else free
