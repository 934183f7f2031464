"""Parquet files with encoded images, or with paths of images, as an image source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import ParquetData
from mmkd_ray.data.sources.columns import find_columns, find_image_column, read_from
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.data.sources.listed import Listed, ListedSource
from mmkd_ray.data.sources.listing import Found
from mmkd_ray.data.sources.parquet_reader import ParquetReader, open_parquet
from mmkd_ray.data.sources.paths import find_paths
from mmkd_ray.data.sources.shards import find_shards, splits_of_shards
from mmkd_ray.errors import DataError, few, one_line

_OPENED = 16
"""Files whose labels are read at a time."""


class ParquetSource(ListedSource):
    """The rows of Parquet files, file by file; an image's id is its file and row, or its path where there is one."""

    def __init__(self, config: ParquetData, _storage: str = "") -> None:
        """Read everything but the images.

        Raises:
            DataError: there are no such files, or a column is missing or not what it should be.
        """
        root, shards = find_shards(config.path, (".parquet",))
        first = _schema(root, shards[0].path)
        columns = find_columns(
            first.names, config.columns, required=("label",), optional=("split", "group"), place=config.path
        )
        image = find_image_column(first, config.columns.image, place=config.path)
        if image is None or config.columns.path:
            place = f"{config.path} (none of its columns holds encoded images)"
            columns |= find_columns(first.names, config.columns, required=("path",), optional=(), place=place)
            image = None
        with ThreadPoolExecutor(_OPENED) as pool:
            tables = list(pool.map(lambda shard: _read_shard(root, shard, columns, image), shards))

        def read(role: str) -> list[Any]:
            return [value for table, _ in tables for value in table[columns[role]].to_pylist()]

        of_files = splits_of_shards([shard.path for shard in shards])
        words = [word for word, (table, _) in zip(of_files, tables, strict=True) for _ in range(len(table))]
        if image is None:
            start = Folder.at(config.root) if config.root else root
            found = find_paths(read("path"), start, place=config.path, column=columns["path"])
            reader, places = FileReader(start), ()
        else:
            pairs = [pair for _, rows in tables for pair in rows]
            found, places = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            reader = ParquetReader(root, image)
        listed = Listed(
            found,
            read("label"),
            read("split") if "split" in columns else words,
            read("group") if "group" in columns else (),
            places,
            _class_names(first, columns["label"]),
            read_from=read_from({**({"image": image} if image else {}), **columns}),
        )
        super().__init__(config, reader, listed, place=config.path)


def _schema(root: Folder, path: str) -> pa.Schema:
    try:
        with open_parquet(root, path) as file:
            return file.schema_arrow
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"data.path: '{root.uri}/{path}' is not a Parquet file: {one_line(error)}") from error


def _read_shard(
    root: Folder, shard: Found, columns: dict[str, str], image: str | None
) -> tuple[pa.Table, list[tuple[Found, tuple[str, int, int]]]]:
    """The columns of a file that are read, and id and place of each image in it."""
    present = _schema(root, shard.path)
    for role, name in {**columns, **({"image": image} if image else {})}.items():
        if name not in present.names:
            raise DataError(
                f"data.path: '{root.uri}/{shard.path}' has no column '{name}' for the {role}, as other files have; it "
                f"has {few(present.names, most=12)}"
            )
    with open_parquet(root, shard.path) as file:
        table = file.read(columns=list(columns.values()))
        return table, list(image_rows(file, shard, image)) if image else []


def image_rows(file: pq.ParquetFile, shard: Found, image: str) -> Iterator[tuple[Found, tuple[str, int, int]]]:
    """Every row of a file: what it is called and about how large it is, and its place for `ParquetReader`.

    Args:
        file: opened.
        shard: what it was opened as.
        image: its column of images.
    """
    number = 0
    for group in range(file.num_row_groups):
        facts = file.metadata.row_group(group)
        chunks = (facts.column(index) for index in range(facts.num_columns))
        held = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] == image)
        for row in range(facts.num_rows):
            found = Found(f"{shard.path}:{number}", held // facts.num_rows, shard.modified_ns)
            yield found, (shard.path, group, row)
            number += 1


def _class_names(columns: pa.Schema, label: str) -> tuple[str, ...]:
    """The names of Hugging Face's ClassLabel, from a file's metadata."""
    try:
        facts = json.loads((columns.metadata or {})[b"huggingface"])
        return tuple(facts["info"]["features"][label]["names"])
    except (KeyError, TypeError, ValueError):
        return ()
