"""Data sets in files that hold many images each (Parquet, tar): which there are, and their splits by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.sources.layout import split_of
from mmkd_ray.data.sources.listing import Found, reason
from mmkd_ray.errors import DataError

_NUMBER = re.compile(r"[-_.]*\d+(-of-\d+)?(-[0-9a-f]{16})?$")
"""Of a shard, at the end of its name: `train-00000-of-00005`, with the hash that older tools append."""


def find_shards(path: str, endings: tuple[str, ...]) -> tuple[Folder, list[Found]]:
    """The folder, and the files in it with such an ending, sorted by path; hidden files and folders are left out.

    Args:
        path: a file, or a folder at any depth of which such files lie; local or a URI.
        endings: with their dots, in small letters.

    Raises:
        DataError: there is none, or the folder cannot be listed.
    """
    there = Folder.at(path)
    try:
        info = there.filesystem.get_file_info(there.path.rstrip("/"))
        if info.type == fs.FileType.File:
            name = there.path.rstrip("/").rpartition("/")[2]
            return there.parent, [Found(name, info.size, info.mtime_ns or 0)]
        selector = fs.FileSelector(there.path.rstrip("/"), recursive=True)
        infos = there.filesystem.get_file_info(selector) if info.type == fs.FileType.Directory else []
    except OSError as error:
        raise DataError(f"data.path: '{path}' cannot be listed: {reason(error)}") from error
    base = there.path.rstrip("/") + "/"
    found = [
        Found(inner, info.size, info.mtime_ns or 0)
        for info in infos
        for inner in [info.path.removeprefix(base)]
        if info.type == fs.FileType.File
        and inner.lower().endswith(endings)
        and not any(part.startswith(".") for part in inner.split("/"))
    ]
    if not found:
        missing = "" if info.type == fs.FileType.Directory else " is not there, and"
        raise DataError(f"data.path: '{path}'{missing} holds no {' or '.join(endings)} files; give a file or a folder")
    return there, sorted(found, key=lambda shard: shard.path)


def splits_of_shards(paths: Sequence[str]) -> list[str]:
    """The split that each file's name says (`train-00000-of-00005.parquet`), or else a folder's (`train/0.parquet`).

    Where some say one of the usual words, the others' names are taken for those of splits as well; where none does, all
    are for training.
    """
    words = [_word_in_name(path) for path in paths]
    if any(words):
        # What stands before it in `birds-train-000001.tar` is no part of the split's name.
        before = next(_stem(path).partition(word)[0] for word, path in zip(words, paths, strict=True) if word)
        names = [_NUMBER.sub("", _stem(path)).removeprefix(before) for path in paths]
        return [word or name for word, name in zip(words, names, strict=True)]
    for path in paths:
        for depth, folder in enumerate(path.split("/")[:-1]):
            if split_of(folder):
                return ["".join(path.split("/")[:-1][depth : depth + 1]) for path in paths]
    return ["train"] * len(paths)


def _word_in_name(path: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+", _stem(path))
    return next((word for word in words if split_of(word)), "")


def _stem(path: str) -> str:
    return PurePosixPath(path).name.partition(".")[0]
