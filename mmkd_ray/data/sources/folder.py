"""A class-per-folder tree of ordinary images as an image source."""

from __future__ import annotations

import unicodedata

from mmkd_ray.config import FolderData
from mmkd_ray.data.sources.files import FileSource, ImageFile, open_root
from mmkd_ray.data.sources.listing import Found, list_tree
from mmkd_ray.data.sources.split import cut
from mmkd_ray.errors import DataError


class FolderSource(FileSource):
    """`CLASS/IMAGE` below `path`, or `SPLIT/CLASS/IMAGE` where `path` has a folder `train`.

    Hidden files and files outside of class folders are ignored. Every other file is either read or named in the
    quarantine table. Class names that look the same are the same, even if their accents are encoded differently.
    """

    def __init__(self, config: FolderData) -> None:
        path = config.path
        root = open_root(path, "give one that holds a folder of images for each class")
        files = _place(list_tree(root), path)
        if not files:
            raise DataError(
                f"data.path: '{path}' holds no images; expected {path}/CLASS/IMAGE or {path}/train/CLASS/IMAGE"
            )
        files = _assign_splits(files, config)
        class_names = tuple(sorted({file.class_name for file in files}))
        super().__init__(root, files, class_names, path=path, max_pixels=config.max_pixels)


def _place(found: list[Found], root: str) -> list[ImageFile]:
    """Split and class of all files in class folders, and of what may be a class folder; without splits, all `train`."""
    has_splits = any(item.path.startswith("train/") and item.path.count("/") >= 2 for item in found)
    depth = 2 if has_splits else 1
    files = []
    for item in found:
        parts = item.path.rstrip("/").split("/")
        if len(parts) > depth or (len(parts) == depth and item.hides_files):
            split = parts[0] if has_splits else "train"
            files.append(ImageFile(item, split, unicodedata.normalize("NFC", parts[depth - 1])))
        elif item.hides_files:
            raise DataError(f"data.path: '{root}/{item.path}': {item.problem}; make it readable, or remove it")
    return files


def _assign_splits(files: list[ImageFile], config: FolderData) -> list[ImageFile]:
    """Take `test` and `val` from `train` if the tree does not have them."""
    present = {file.split for file in files}
    if "test" not in present:
        files = cut(files, taken="test", fraction=config.test_fraction, seed=config.split_seed)
    if "val" not in present:
        files = cut(files, taken="val", fraction=config.val_fraction, seed=config.split_seed)
    return files
