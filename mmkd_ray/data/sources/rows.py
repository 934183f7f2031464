"""Tables that people have, column by column: CSV and TSV, JSONL and JSON, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.sources.listing import reason, split_place
from mmkd_ray.errors import DataError, few, one_line


@dataclass(frozen=True)
class Rows:
    """A table."""

    place: str
    """Where it is, for messages."""
    folder: Folder
    """That it lies in."""
    columns: tuple[str, ...]
    read: Callable[[str], list[Any]]
    """The values of a column; None where a row has none."""


def read_rows(path: str) -> Rows:
    """A table by its local path or URI; its kind by its ending.

    Raises:
        DataError: it cannot be read, is of another kind, or has no rows.
    """
    return rows_in(*split_place(path), path)


def rows_in(folder: Folder, name: str, path: str) -> Rows:
    """A table by its name in a folder; `path` is for messages.

    Raises:
        DataError: see `read_rows`.
    """
    kind = _KINDS.get(name.rpartition(".")[2].lower())
    if kind is None:
        raise DataError(f"data.path: got '{path}'; a table that ends in {few(sorted(_KINDS), most=9)} is accepted")
    try:
        content = folder.read_bytes(name)
    except OSError as error:
        raise DataError(f"data.path: '{path}' cannot be read: {reason(error)}; give a table of images") from error
    try:
        columns, read = kind(content)
    except UnicodeDecodeError as error:
        raise DataError(f"data.path: '{path}' is not UTF-8 ({one_line(error)}); save it as UTF-8") from error
    except (ValueError, csv.Error, pa.ArrowException) as error:
        raise DataError(f"data.path: '{path}' is not such a table: {one_line(error)}") from error
    if double := [column for column, count in Counter(columns).items() if count > 1]:
        raise DataError(f"data.path: '{path}' has two columns '{double[0]}'; rename one")
    if not columns or not read(columns[0]):
        raise DataError(f"data.path: '{path}' has no rows")
    return Rows(path, folder, tuple(columns), read)


_Columns = tuple[list[str], Callable[[str], list[Any]]]


def _csv(content: bytes) -> _Columns:
    """Every value as text: nothing is guessed, a class may be named `NA` or `01`."""
    text = content.decode("utf-8-sig")
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    names = [name.strip() for name in next(reader, [])]
    columns: list[list[str | None]] = [[] for _ in names]
    for row in reader:
        if len(row) != len(names):
            if not row:
                continue
            raise ValueError(f"line {reader.line_num} has {len(row)} fields, the first line has {len(names)}")
        for column, value in zip(columns, row, strict=True):
            column.append(value or None)
    return names, dict(zip(names, columns, strict=True)).__getitem__


def _jsonl(content: bytes) -> _Columns:
    rows = []
    for number, line in enumerate(content.decode("utf-8-sig").split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise ValueError(f"line {number} is not JSON ({error})") from error
    return _objects(rows)


def _json(content: bytes) -> _Columns:
    rows = json.loads(content.decode("utf-8-sig"))
    if not isinstance(rows, list):
        raise ValueError('a list of objects is accepted: [{"path": ..., "label": ...}, ...]')  # noqa: TRY004 (its text)
    return _objects(rows)


def _objects(rows: list[Any]) -> _Columns:
    if strange := [number for number, row in enumerate(rows, start=1) if not isinstance(row, dict)]:
        raise ValueError(f'row {strange[0]} is not an object such as {{"path": ..., "label": ...}}')
    return list(dict.fromkeys(name for row in rows for name in row)), lambda name: [row.get(name) for row in rows]


def _parquet(content: bytes) -> _Columns:
    file = pq.ParquetFile(pa.BufferReader(content))
    return list(file.schema_arrow.names), lambda name: file.read(columns=[name])[name].to_pylist()


_KINDS: dict[str, Callable[[bytes], _Columns]] = {
    "csv": _csv,
    "tsv": _csv,
    "jsonl": _jsonl,
    "ndjson": _jsonl,
    "json": _json,
    "parquet": _parquet,
}
