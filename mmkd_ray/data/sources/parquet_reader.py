"""Images out of Parquet files, on any node: forwards, a few rows in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.sources.base import BadImage, Item
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.errors import one_line

_BATCH = 64
"""Rows that are decompressed at a time."""


def open_parquet(root: Folder, path: str) -> pq.ParquetFile:
    """A file of a folder, whose footer is read."""
    return pq.ParquetFile(root.filesystem.open_input_file(f"{root.path.rstrip('/')}/{path}"))


class _RowGroup:
    """The images of a row group, read forwards."""

    def __init__(self, root: Folder, path: str, group: int, column: str) -> None:
        self._file = open_parquet(root, path)
        self._batches = self._file.iter_batches(_BATCH, row_groups=[group], columns=[column])
        self._batch = pa.array([])
        self.start = 0
        """Row of the group at which what is in memory begins; what is before it is passed."""

    def value(self, row: int) -> Any:
        """The value of a row that is not passed.

        Raises:
            OSError: the file cannot be read.
            pa.ArrowException: it is damaged.
        """
        while row >= self.start + len(self._batch):
            self.start += len(self._batch)
            batch = next(self._batches, None)
            if batch is None:
                raise pa.ArrowInvalid("the file has fewer rows than when it was listed")
            self._batch = batch.column(0)
        return self._batch[row - self.start].as_py()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_last: dict[tuple[Any, ...], _RowGroup] = {}
"""The row group that this process reads. Parts of a source come in order, and a group may have a million rows (the
default of pyarrow): each process passes it once, not from its beginning for each part."""


def _row_group(key: tuple[Any, ...], root: Folder, path: str, group: int, column: str, *, first: int) -> _RowGroup:
    held = _last.get(key)
    if held is None or held.start > first:
        while _last:
            _last.popitem()[1].close()
        held = _last[key] = _RowGroup(root, path, group, column)
    return held


@dataclass(frozen=True)
class ParquetReader:
    """Reads images out of Parquet files, a row group at a time; a `place` is file, row group and row in the group."""

    root: Folder
    column: str

    def read(self, items: Sequence[Item]) -> Iterator[bytes | BadImage]:
        """The encoded bytes of each."""
        for (path, group), members in groupby(items, key=lambda item: item.place[:2]):
            wanted = list(members)
            try:
                found = self._read_group(path, group, wanted)
            except (OSError, pa.ArrowException) as error:
                _last.clear()
                yield from (BadImage(item.image_id, f"cannot be read: {one_line(error)}") for item in wanted)
                continue
            for item in wanted:
                yield self._encoded(item, found[item.place[2]])

    def _read_group(self, path: str, group: int, items: Sequence[Item]) -> dict[int, Any]:
        rows = sorted({item.place[2] for item in items})
        # The stamp tells a file that was written anew from the one that is open.
        key = (self.root.uri, path, group, self.column, items[0].stamp)
        held = _row_group(key, self.root, path, group, self.column, first=rows[0])
        return {row: held.value(row) for row in rows}

    def _encoded(self, item: Item, value: Any) -> bytes | BadImage:
        """An image, or one of Hugging Face's `{bytes, path}`, of which one is enough."""
        if isinstance(value, dict) and value.get("bytes") is None and value.get("path"):
            return next(FileReader(self.root).read([Item(value["path"], 0, "", "")]))
        encoded = value.get("bytes") if isinstance(value, dict) else value
        return encoded if isinstance(encoded, bytes) else BadImage(item.image_id, "the row has no image")
