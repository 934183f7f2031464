"""A class-per-folder tree of ordinary images as an image source."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from pyarrow import fs

from mmkd_ray.artifacts import Folder, open_run
from mmkd_ray.config import FolderData
from mmkd_ray.data.sources.files import FileReader, FileSource, ImageFile, open_root
from mmkd_ray.data.sources.junk import Skipped
from mmkd_ray.data.sources.layout import ACCEPTED, Layout, read_layout
from mmkd_ray.data.sources.listing import Tree, list_tree
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.errors import DataError, few


class FolderSource(FileSource):
    """`CLASS/IMAGE` below `path`, or `SPLIT/CLASS/IMAGE` where its folders are splits (see `read_layout`).

    What is no image by its name, lies in no class folder or is excluded is not of the data set, and is counted. Every
    other file is either read or named in the quarantine table. Names of classes that look the same are the same,
    however their accents are encoded.
    """

    def __init__(self, config: FolderData, storage: str | None = None) -> None:
        """List the files and decide what each is.

        Args:
            config: `data` of the configuration.
            storage: `storage.path`: what runs write there is never data.

        Raises:
            DataError: the folders are not a data set, or could be read in two ways.
        """
        path = config.path
        root = open_root(path, "give one that holds a folder of images for each class")
        self._skipped = Skipped(config.exclude, _within(root, storage, path) if storage else "")
        tree = list_tree(root, self._skipped)
        self._layout = read_layout(tree, path)
        files, self._outside = _place(tree, self._layout)
        self._deeper = sorted(_deeper_folders(files, self._layout))
        self._empty = _empty_folders(tree, files, self._layout)
        if not files:
            found = f"holds files in no class folder ({few(self._outside)})" if self._outside else "holds no images"
            raise DataError(f"data.path: '{path}' {found}; {'; '.join([ACCEPTED, *self._skipped.lines()])}")
        _refuse_one_class(files, self._deeper, [*self._layout.lines(), *self._skipped.lines()], path)
        fractions = {"test": config.test_fraction, "val": config.val_fraction}
        files = cut_missing(files, fractions, group=config.group, seed=config.split_seed)
        class_names = tuple(sorted({file.class_name for file in files}))
        super().__init__(FileReader(root), files, class_names, path=path)

    def describe(self) -> list[str]:
        """How the folders were read, what was skipped, and the classes."""
        lines = [*self._layout.lines(), *self._skipped.lines()]
        if self._outside:
            lines.append(f"not used, since they lie in no class folder: {few(self._outside)}")
        if self._deeper:
            lines.append(f"folders within a class, read as that class: {few(self._deeper, slash=True)}")
        if self._empty:
            lines.append(f"without images: {few(self._empty, slash=True)}")
        return [*lines, *super().describe()]


def _place(tree: Tree, layout: Layout) -> tuple[list[ImageFile], list[str]]:
    """The files with split and class, and the paths of those that have none."""
    files, outside = [], []
    for item in tree.found:
        if place := layout.place(item):
            files.append(ImageFile(item, *place))
        else:
            outside.append(item.path)
    return files, outside


def _deeper_folders(files: list[ImageFile], layout: Layout) -> set[str]:
    """Folders within a class folder that hold images: classes of their own to someone who reads the tree otherwise."""
    paths = (file.found.path.rstrip("/").split("/") for file in files)
    return {"/".join(parts[: layout.depth + 1]) for parts in paths if len(parts) > layout.depth + 1}


def _refuse_one_class(files: list[ImageFile], deeper: list[str], told: list[str], path: str) -> None:
    """A folder that stands alone where classes are expected is mostly one too many."""
    names = {file.class_name for file in files}
    if len(names) > 1:
        return
    inside = (
        f"; it holds {few(deeper, slash=True)}: are these the classes? Then remove the folder around them"
        if deeper
        else ""
    )
    raise DataError(
        f"data.path: '{path}' has one class only ('{names.pop()}'){inside}; a classifier needs two or more; "
        f"{'; '.join(told)}; {ACCEPTED}"
    )


def _empty_folders(tree: Tree, files: list[ImageFile], layout: Layout) -> list[str]:
    """Folders at the place of a class, or of a split, that hold no image."""
    filled = Counter(
        "/".join(parts[:depth])
        for file in files
        for parts in [file.found.path.rstrip("/").split("/")]
        for depth in range(1, layout.depth + 1)
    )
    empty = [folder for folder in tree.folders if folder.count("/") < layout.depth and folder not in filled]
    # Of a split without images, its classes need not be told as well.
    told = [folder for folder in empty if folder.rpartition("/")[0] not in empty]
    return [os.fsencode(folder).decode("utf-8", "backslashreplace") for folder in told]


def _within(root: Folder, storage: str, path: str) -> str:
    """Where in the tree the runs' storage lies; empty if it lies elsewhere.

    Raises:
        DataError: it is the tree itself.
    """
    there = open_run(storage, "").folder
    try:
        if not there.filesystem.equals(root.filesystem):
            return ""
    except (OSError, TypeError):
        return ""
    here, below = root.path.rstrip("/"), there.path.rstrip("/")
    if isinstance(root.filesystem, fs.LocalFileSystem):
        here, below = str(Path(here).resolve()), str(Path(below).resolve())
    if here == below:
        raise DataError(
            f"data.path and storage.path are the same folder ('{path}'): runs would be taken for images; give another "
            "storage.path"
        )
    return below.removeprefix(f"{here}/") if below.startswith(f"{here}/") else ""
