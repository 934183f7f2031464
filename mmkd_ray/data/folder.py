"""A class-per-folder tree of ordinary images as an image source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyarrow import fs

from mmkd_ray.artifacts import Folder, open_run
from mmkd_ray.config import FolderData
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.sources import BadImage, ImageRow
from mmkd_ray.data.split import stratified_cut
from mmkd_ray.errors import DataError


@dataclass(frozen=True)
class _File:
    path: str  # within the tree, also the image's id
    split: str  # empty until the splits are cut
    class_name: str
    size: int
    modified_ns: int


class FolderSource:
    """`CLASS/IMAGE` below `path`, or `SPLIT/CLASS/IMAGE` where `path` has a folder `train`.

    Hidden files and files that lie in no class folder are not images of the data set. Every other file is either
    read or named in the quarantine table.
    """

    def __init__(self, config: FolderData) -> None:
        self._config = config
        self._root = _root(config.path)
        files = _assign_splits(_list_files(self._root), config)
        self.class_names = tuple(sorted({file.class_name for file in files}))
        _check_classes(self.class_names, files, config.path)
        self._files = files

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    def identity(self) -> dict[str, Any]:
        """Names, sizes and times of the files: content itself is hashed when it is read."""
        return {"files": [[file.path, file.split, file.size, file.modified_ns] for file in self._files]}

    def rows(self) -> Iterator[ImageRow | BadImage]:
        """Read every file; one that cannot be read or decoded becomes a `BadImage`."""
        labels = {name: label for label, name in enumerate(self.class_names)}
        for file in self._files:
            try:
                encoded = self._root.read_bytes(file.path)
                decode_rgb(encoded, max_pixels=self._config.max_pixels)
            except (DataError, OSError) as error:
                yield BadImage(file.path, str(error))
                continue
            yield ImageRow(file.path, encoded, labels[file.class_name], file.class_name, file.split)


def _root(path: str) -> Folder:
    folder = open_run(path, "").folder
    if folder.filesystem.get_file_info(folder.path.rstrip("/")).type != fs.FileType.Directory:
        raise DataError(f"data.path: '{path}' is no folder; give one that holds a folder of images for each class")
    return folder


def _list_files(root: Folder) -> list[_File]:
    base = root.path.rstrip("/") + "/"
    infos = root.filesystem.get_file_info(fs.FileSelector(base.rstrip("/"), recursive=True))
    paths = {info.path.removeprefix(base): info for info in infos if info.type == fs.FileType.File}
    visible = {path: info for path, info in paths.items() if not any(part.startswith(".") for part in path.split("/"))}
    has_splits = any(path.startswith("train/") and path.count("/") >= 2 for path in visible)
    files = []
    for path, info in sorted(visible.items()):
        parts = path.split("/")
        depth = 2 if has_splits else 1
        if len(parts) > depth:
            split = parts[0] if has_splits else ""
            files.append(_File(path, split, parts[depth - 1], info.size, info.mtime_ns or 0))
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
    pool = [index for index, file in enumerate(files) if file.split == split]
    classes = sorted({file.class_name for file in files})
    labels_N = np.array([classes.index(files[index].class_name) for index in pool], dtype=np.int64)
    chosen = {pool[row] for row in stratified_cut(labels_N, fraction=fraction, seed=seed)}
    assigned = {index: taken if index in chosen else rest for index in pool}
    return [
        _File(file.path, assigned.get(index, file.split), file.class_name, file.size, file.modified_ns)
        for index, file in enumerate(files)
    ]


def _check_classes(class_names: tuple[str, ...], files: list[_File], path: str) -> None:
    if not files:
        raise DataError(f"data.path: '{path}' holds no images; expected {path}/CLASS/IMAGE or {path}/train/CLASS/IMAGE")
    if len(class_names) < 2:
        raise DataError(f"data.path: '{path}' has one class only ('{class_names[0]}'); a classifier needs two or more")
    untrained = set(class_names) - {file.class_name for file in files if file.split == "train"}
    if untrained:
        raise DataError(f"data.path: no training images of {', '.join(sorted(untrained))}; add some or drop the class")
