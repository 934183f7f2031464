"""Paths as a table lists them, and the files that they lead to."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.sources.cells import text_of
from mmkd_ray.data.sources.listing import Found, find_files
from mmkd_ray.errors import DataError


def find_paths(paths: Sequence[Any], root: Folder, *, place: str, column: str) -> list[Found]:
    """The file of each row; a missing one has a `problem`.

    Args:
        paths: a row's path, from the root, absolute or a URI.
        root: the folder that relative ones start from.
        place: the table, for messages.
        column: its column, for messages.

    Raises:
        DataError: a row has no path, an image is listed twice, or none is there.
    """
    normal = [_normal(path) for path in paths]
    _refuse_empty_and_double(normal, place, column)
    found = find_files(root, normal)
    if all(file.problem for file in found):
        first = found[0]
        raise DataError(
            f"none of the {len(found):,} images that {place} lists in '{column}' can be read ('{first.path}': "
            f"{first.problem}); relative paths start from {root.uri}: give another folder by data.root"
        )
    return found


def _normal(path: Any) -> str:
    r"""One spelling for one file: `./a//b.png` is `a/b.png`, and so is `a\b.png`, which Windows writes."""
    text = text_of(path)
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    if not text or "://" in text:
        return text
    if "\\" in text and "/" not in text:
        text = text.replace("\\", "/")
    return posixpath.normpath(text)


def _refuse_empty_and_double(paths: Sequence[str], place: str, column: str) -> None:
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
