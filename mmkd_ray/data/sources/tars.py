"""Tar files of samples, as the WebDataset format has them: where each file lies, and reading it from there.

Nothing is ever unpacked, so the names of members lead nowhere.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Any, BinaryIO, cast

from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.sources.base import BadImage, Item
from mmkd_ray.data.sources.listing import Found, reason
from mmkd_ray.errors import DataError, one_line

_BUFFER = {True: 64 * 2**10, False: 8 * 2**20}
"""Bytes that are read at a time, of a local file and of an object store, where each request takes long."""
_MAX_TEXT = 2**20
"""Bytes of a label or of JSON."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar file."""

    name: str
    offset: int
    size: int
    problem: str = ""
    """Why it cannot be read; else empty."""


@dataclass(slots=True)
class Sample:
    """Files of one name but for their endings."""

    key: str
    images: dict[str, Member] = field(default_factory=dict)
    """By ending: `jpg`, `png`, `seg.png`."""
    values: dict[str, Any] = field(default_factory=dict)
    """Texts by ending (`cls`, `txt`), and the fields of the JSON."""


@lru_cache(maxsize=100_000)
def read_samples(root: Folder, shard: Found, columns: tuple[str, ...] | None, most: int | None) -> tuple[Sample, ...]:
    """The samples of a tar file, in its order; read once by a process, as long as its size and time are the same.

    Args:
        root: the folder that its path starts from.
        shard: the tar file.
        columns: which values are kept; unset: all.
        most: samples to stop after.

    Raises:
        DataError: it is not a tar file, or has an end missing: how many images it should have is not known.
    """
    samples: dict[str, Sample] = {}
    place = f"{root.uri.rstrip('/')}/{shard.path}"
    try:
        with _opened(root, shard.path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for info in tar:
                key, ending = _parts(info.name)
                if info.isdir() or not ending:
                    continue
                if most is not None and key not in samples and len(samples) == most:
                    break
                _add(samples.setdefault(key, Sample(key)), ending, info, stream, columns)
                tar.members = []  # it would keep all of them  # pyrefly: ignore[missing-attribute]
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(f"data.path: '{place}' is not a whole tar file ({one_line(error)}); fetch it anew") from error
    except OSError as error:
        raise DataError(f"data.path: '{place}' cannot be read: {reason(error)}") from error
    return tuple(sample for sample in samples.values() if sample.images)


def _parts(name: str) -> tuple[str, str]:
    """Key and ending of a member, by the format's rule: the first dot of the file's name; nothing for hidden files."""
    folder, _, file = name.removeprefix("./").rpartition("/")
    stem, _, ending = file.partition(".")
    return (f"{folder}/{stem}" if folder else stem), (ending.lower() if stem else "")


def _add(sample: Sample, ending: str, info: tarfile.TarInfo, stream: BinaryIO, columns: tuple[str, ...] | None) -> None:
    last = ending.rpartition(".")[2]
    if last in ("cls", "txt", "json", "id", "class", "label"):
        if info.isreg() and info.size <= _MAX_TEXT and (columns is None or last == "json" or ending in columns):
            stream.seek(info.offset_data)
            text = stream.read(info.size).decode("utf-8", "replace").strip()
            values = _fields(text) if last == "json" else {ending: text}
            sample.values.update({name: value for name, value in values.items() if columns is None or name in columns})
    elif last in _IMAGES:
        problem = "" if info.isreg() and not info.issparse() else "a link in the tar file, or no ordinary file"
        if ending in sample.images:
            problem = "the tar file has two files of this name"
        sample.images[ending] = Member(info.name.removeprefix("./"), info.offset_data, info.size, problem)


_IMAGES = frozenset("jpg jpeg png webp bmp gif tif tiff ppm pgm jp2 avif heic".split())  # noqa: SIM905


def _fields(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {"json": values}


@contextmanager
def _opened(root: Folder, path: str) -> Iterator[BinaryIO]:
    raw = root.filesystem.open_input_file(f"{root.path.rstrip('/')}/{path}")
    size = _BUFFER[isinstance(root.filesystem, fs.LocalFileSystem)]
    with raw, io.BufferedReader(cast("io.RawIOBase", raw), size) as stream:
        yield cast("BinaryIO", stream)


@dataclass(frozen=True)
class TarReader:
    """Reads images out of tar files; a `place` is the tar file, the offset and the size."""

    root: Folder

    def read(self, items: Sequence[Item]) -> Iterator[bytes | BadImage]:
        """The bytes of each."""
        for path, members in groupby(items, key=lambda item: item.place[0]):
            wanted = list(members)
            try:
                with _opened(self.root, path) as stream:
                    found = [_read(stream, item) for item in wanted]
            except OSError as error:
                found = [BadImage(item.image_id, f"cannot be read: {reason(error)}") for item in wanted]
            yield from found


def _read(stream: BinaryIO, item: Item) -> bytes | BadImage:
    _, offset, size = item.place
    stream.seek(offset)
    encoded = stream.read(size)
    return encoded if len(encoded) == size else BadImage(item.image_id, "the tar file ends before it")
