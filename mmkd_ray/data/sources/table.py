"""A table of images (CSV, JSONL, Parquet: a path and a label in each row) as an image source."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import TableData
from mmkd_ray.data.sources.columns import find_columns, read_from
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.data.sources.listed import Listed, ListedSource
from mmkd_ray.data.sources.listing import Found, find_files
from mmkd_ray.data.sources.rows import Rows, read_rows
from mmkd_ray.errors import DataError


class TableSource(ListedSource):
    """The images that a table lists, in its order; an image's id is its path as it stands there."""

    def __init__(self, config: TableData, _storage: str = "") -> None:
        """Read the table and look at the files, without opening them.

        Raises:
            DataError: a column is missing, a row has no path or label, an image is listed twice, or none is found.
        """
        rows = read_rows(config.path)
        columns = find_columns(
            rows.columns, config.columns, required=("path", "label"), optional=("split", "group"), place=rows.place
        )
        root = Folder.at(config.root) if config.root else rows.folder
        found = _find(rows, columns["path"], root)
        listed = Listed(
            found,
            rows.read(columns["label"]),
            rows.read(columns["split"]) if "split" in columns else ["train"] * len(found),
            rows.read(columns["group"]) if "group" in columns else (),
            read_from=read_from(columns),
        )
        super().__init__(config, FileReader(root), listed, place=rows.place)


def _find(rows: Rows, column: str, root: Folder) -> list[Found]:
    """The file of each row; a missing one has a `problem`.

    Raises:
        DataError: a row has no path, an image is listed twice, or none is there.
    """
    paths = [_normal(path) for path in rows.read(column)]
    _refuse_bad_paths(paths, rows.place, column)
    found = find_files(root, paths)
    if all(file.problem for file in found):
        first = found[0]
        raise DataError(
            f"none of the {len(found):,} images that {rows.place} lists in '{column}' can be read ('{first.path}': "
            f"{first.problem}); relative paths start from {root.uri}: give another folder by data.root"
        )
    return found


def _normal(path: Any) -> str:
    r"""One spelling for one file: `./a//b.png` is `a/b.png`, and so is `a\b.png`, which Windows writes."""
    text = "" if path is None else str(path).strip()
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    if not text or "://" in text:
        return text
    if "\\" in text and "/" not in text:
        text = text.replace("\\", "/")
    return posixpath.normpath(text)


def _refuse_bad_paths(paths: Sequence[str], place: str, column: str) -> None:
    if empty := [row for row, path in enumerate(paths, start=1) if not path]:
        raise DataError(
            f"{place}: row {empty[0]:,} has nothing in '{column}' ({len(empty):,} such rows); give the image's path, "
            "or remove them"
        )
    first: dict[str, int] = {}
    for row, path in enumerate(paths, start=1):
        if path in first:
            raise DataError(
                f"{place}: rows {first[path]:,} and {row:,} list the same image, '{path}'; an image has one label and "
                f"one split: remove one of them ({len(paths) - len(set(paths)):,} such rows)"
            )
        first[path] = row
