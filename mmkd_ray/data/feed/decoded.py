"""Decoded images in a file of the machine that all its processes map into memory: made once, kept for later runs.

The kernel keeps in memory what fits there, once for all processes, and reads the rest from the disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import prod
from pathlib import Path

import numpy as np
import pyarrow as pa
from filelock import FileLock
from jaxtyping import UInt8
from PIL import Image

from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.memory import memory_limit
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.encoded import encoded_images
from mmkd_ray.data.table import split_folders
from mmkd_ray.errors import DataError
from mmkd_ray.identity import fingerprint

_RESAMPLING = {name.lower(): Image.Resampling[name] for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS")}
_SUFFIX = ".u8"


def decoded(
    run: Run, splits: Sequence[str], count: int, *, size: int, interpolation: str
) -> UInt8[np.ndarray, "N 3 S S"]:
    """All images of some splits, in the order of the image table: shorter side to S pixels, then a square centre crop.

    Args:
        run: with its image table.
        splits: which images.
        count: N, how many they are.
        size: S.
        interpolation: Pillow's name of a resampling filter, in lower case.

    Raises:
        DataError: the file does not fit on the disk, or its folder belongs to another user.
        DamagedError: an image is not as it was when the table was made.
    """
    if not count:
        return np.empty((0, 3, size, size), dtype=np.uint8)
    images = [run.images.uri, run.require(run.images, "images")["digest"]]
    key = fingerprint(images=images, splits=list(splits), size=size, interpolation=interpolation)
    place, shape = _own(cache_folder()) / f"{key}{_SUFFIX}", (count, 3, size, size)
    with FileLock(f"{place}.lock"):
        if not place.exists() or place.stat().st_size != prod(shape):
            _make(run, splits, place, shape, interpolation)
    os.utime(place)  # the least recently used go first
    return np.memmap(place, np.uint8, "c", shape=shape)  # a change of it stays with the process


def cache_folder() -> Path:
    """Where the files are: a folder of this user's in the machine's folder for temporary files (TMPDIR)."""
    return Path(tempfile.gettempdir(), f"mmkd_ray-{os.getuid()}", "decoded")


def cached_files() -> list[Path]:
    """All of them, the least recently used first."""
    found = [file for file in cache_folder().glob("*") if file.suffix != ".lock"]
    return sorted(found, key=lambda file: file.stat().st_mtime)


def square(image: Image.Image, size: int, interpolation: str) -> UInt8[np.ndarray, "S S 3"]:
    """An RGB image with its shorter side resized to `size` pixels and its centre cut to a square."""
    side = min(image.size)
    if image.size != (size, size):
        left, top = (image.width - side) / 2, (image.height - side) / 2
        image = image.resize(
            (size, size), _RESAMPLING[interpolation], box=(left, top, left + side, top + side), reducing_gap=3.0
        )
    return np.asarray(image)


def _own(folder: Path) -> Path:
    """The folder, made if it is not there; nobody else may write into it."""
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    if folder.parent.stat().st_uid != os.getuid():
        raise DataError(f"{folder.parent} belongs to another user: set TMPDIR to a folder of your own")
    folder.mkdir(exist_ok=True)
    return folder


def _make(run: Run, splits: Iterable[str], place: Path, shape: tuple[int, ...], interpolation: str) -> None:
    """Decode all images, on all cores that this process may use, into a file that gets its name when it is whole."""
    part = place.with_suffix(".part")  # of a killed process, too: only the holder of the lock writes it
    _reserve(part, prod(shape))
    try:
        images = np.memmap(part, np.uint8, "r+", shape=shape)

        def decode(row: int, encoded: bytes) -> None:
            images[row] = square(decode_rgb(encoded), shape[2], interpolation).transpose(2, 0, 1)

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            row = 0
            for table in _tables(run, splits):
                encoded = encoded_images(run, table)
                list(threads.map(decode, range(row, row + table.num_rows), encoded))
                row += table.num_rows
        assert row == shape[0], "the table has the rows that its record counts"
        images.flush()
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _tables(run: Run, splits: Iterable[str]) -> Iterator[pa.Table]:
    for folder in split_folders(run, splits):
        for _, table in folder.read_tables(folder.names(), ["image_id", "image", "sha256"]):
            yield table


def _reserve(part: Path, size: int) -> None:
    """Make a file of this size whose blocks are really there: a full disk would end a process that writes to a mapping.

    Files that have not been used for longest make room for it; who uses one keeps it until the end.
    """
    for old in cached_files():
        if _free(part.parent) > size:
            break
        with suppress(OSError):
            old.unlink()
    free = _free(part.parent)
    refusal = DataError(
        f"decoded images take {size / 2**30:,.2f} GiB, and {part.parent} has room for {free / 2**30:,.2f} GiB: set "
        "TMPDIR to a folder on a larger disk, or use a smaller student.image_size or train.decode_size"
    )
    if free < size:
        raise refusal
    try:
        with part.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise refusal from error


def _free(folder: Path) -> int:
    """Bytes that a file there may take: of a disk in memory (tmpfs), no more than half of what processes may use."""
    free = shutil.disk_usage(folder).free
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    within = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    in_memory = within and max(within, key=lambda mount: len(mount[1]))[2] in ("tmpfs", "ramfs")
    return min(free, memory_limit().size // 2) if in_memory else free
