"""A class-per-folder tree of ordinary images as an image source."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyarrow import fs

from mmkd_ray.artifacts import Folder, open_run
from mmkd_ray.config import FolderData
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.listing import Found, list_tree, reason
from mmkd_ray.data.sources import BadImage, ImageRow
from mmkd_ray.data.split import stratified_cut
from mmkd_ray.errors import DataError


@dataclass(frozen=True)
class _File:
    found: Found  # its path within the tree is also the image's id
    split: str  # empty until the splits are cut
    class_name: str


class FolderSource:
    """`CLASS/IMAGE` below `path`, or `SPLIT/CLASS/IMAGE` where `path` has a folder `train`.

    Hidden files and files that lie in no class folder are not images of the data set. Every other file is either
    read or named in the quarantine table. Names of classes that look the same are the same, however their accents are
    encoded.
    """

    def __init__(self, config: FolderData) -> None:
        self._config = config
        self._root = _root(config.path)
        files = _assign_splits(_place(list_tree(self._root), config.path), config)
        self.class_names = tuple(sorted({file.class_name for file in files}))
        _check_classes(self.class_names, files, config.path)
        self._files = files

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    def identity(self) -> dict[str, Any]:
        """Names, sizes and times of the files: content itself is hashed when it is read."""
        found = [(file.found, file.split) for file in self._files]
        return {"files": [[item.path, split, item.size, item.modified_ns, item.problem] for item, split in found]}

    def rows(self) -> Iterator[ImageRow | BadImage]:
        """Read every file; one that cannot be read or decoded becomes a `BadImage`."""
        labels = {name: label for label, name in enumerate(self.class_names)}
        for file in self._files:
            path = file.found.path
            try:
                encoded = self._read(file.found)
            except DataError as error:
                yield BadImage(path, str(error))
                continue
            yield ImageRow(path, encoded, labels[file.class_name], file.class_name, file.split)

    def _read(self, found: Found) -> bytes:
        if found.problem:
            raise DataError(found.problem)
        try:
            encoded = self._root.read_bytes(found.path)
        except OSError as error:
            raise DataError(f"cannot be read: {reason(error)}") from error
        decode_rgb(encoded, max_pixels=self._config.max_pixels)
        return encoded


def _root(path: str) -> Folder:
    folder = open_run(path, "").folder
    try:
        kind = folder.filesystem.get_file_info(folder.path.rstrip("/")).type
    except OSError as error:
        raise DataError(f"data.path: '{path}' cannot be reached: {reason(error)}") from error
    if kind != fs.FileType.Directory:
        raise DataError(f"data.path: '{path}' is no folder; give one that holds a folder of images for each class")
    return folder


def _place(found: list[Found], root: str) -> list[_File]:
    """Split and class of what lies in a class folder, or may be a class folder."""
    has_splits = any(item.path.startswith("train/") and item.path.count("/") >= 2 for item in found)
    depth = 2 if has_splits else 1
    files = []
    for item in found:
        parts = item.path.rstrip("/").split("/")
        if len(parts) > depth or (len(parts) == depth and item.hides_files):
            files.append(_File(item, parts[0] if has_splits else "", unicodedata.normalize("NFC", parts[depth - 1])))
        elif item.hides_files:
            raise DataError(f"data.path: '{root}/{item.path}': {item.problem}; make it readable, or remove it")
    return files


def _assign_splits(files: list[_File], config: FolderData) -> list[_File]:
    """Fill in `test` and `val` where the tree does not have them; `val` is cut from train alone."""
    if files and not files[0].split:
        files = _cut(files, "", config.test_fraction, config.split_seed, taken="test", rest="train")
    elif files and not any(file.split == "test" for file in files):
        files = _cut(files, "train", config.test_fraction, config.split_seed, taken="test", rest="train")
    if not any(file.split == "val" for file in files):
        files = _cut(files, "train", config.val_fraction, config.split_seed, taken="val", rest="train")
    return files


def _cut(files: list[_File], split: str, fraction: float, seed: int, *, taken: str, rest: str) -> list[_File]:
    pool = [index for index, file in enumerate(files) if file.split == split and not file.found.problem]
    classes = sorted({file.class_name for file in files})
    labels_N = np.array([classes.index(files[index].class_name) for index in pool], dtype=np.int64)
    chosen = {pool[row] for row in stratified_cut(labels_N, fraction=fraction, seed=seed)}
    assigned = {index: taken if index in chosen else rest for index in pool}
    return [replace(file, split=assigned.get(index, file.split)) for index, file in enumerate(files)]


def _check_classes(class_names: tuple[str, ...], files: list[_File], path: str) -> None:
    if not files:
        raise DataError(f"data.path: '{path}' holds no images; expected {path}/CLASS/IMAGE or {path}/train/CLASS/IMAGE")
    if len(class_names) < 2:
        raise DataError(f"data.path: '{path}' has one class only ('{class_names[0]}'); a classifier needs two or more")
    untrained = set(class_names) - {file.class_name for file in files if file.split == "train" and not _problem(file)}
    if untrained:
        known = [_problem(file) for file in files if file.class_name in untrained and _problem(file)]
        raise DataError(
            f"data.path: no training images of {', '.join(sorted(untrained))}{f' ({known[0]})' if known else ''}; "
            "add some or drop the class"
        )


def _problem(file: _File) -> str:
    return f"{file.found.path}: {file.found.problem}" if file.found.problem else ""
