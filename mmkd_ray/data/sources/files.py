"""Sources whose images are listed: how they are checked and identified, and files read, whoever listed them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyarrow import fs

from mmkd_ray.artifacts import Folder, open_run
from mmkd_ray.config.locations import looked_at
from mmkd_ray.data.sources.base import BadImage, GroupKind, Item, Reader
from mmkd_ray.data.sources.listing import Found, read_file, reason
from mmkd_ray.errors import DataError, few


@dataclass(frozen=True, slots=True)  # one for each image of a data set
class ImageFile:
    """A file of a data set, or an image within one."""

    found: Found
    """Its path within the data set's folder is also the image's id."""
    split: str
    class_name: str
    group: str | None = None
    """See `GroupKind`; None if that is not known."""
    place: Any = None
    """Where the source's reader finds it, if that is not `found.path`; plain data."""
    chosen: bool = False
    """Whether it was taken from the training images into a split that the data set lacks."""


@dataclass(frozen=True)
class FileReader:
    """Reads files below a folder, or anywhere by absolute path or URI."""

    root: Folder

    def read(self, items: Sequence[Item]) -> Iterator[bytes | BadImage]:
        """The content of each."""
        for item in items:
            try:
                path = item.image_id
                yield read_file(path) if _is_elsewhere(path) else self.root.read_bytes(path)
            except OSError as error:
                yield BadImage(item.image_id, f"cannot be read: {reason(error)}")

    def place(self, path: str) -> str:
        """Where a file is, for people."""
        return path if _is_elsewhere(path) else self.root.place(path)


def _is_elsewhere(path: str) -> bool:
    return "://" in path or path.startswith("/")


class FileSource:
    """Listed images as an image source: each is either read or named in the quarantine table."""

    def __init__(
        self,
        reader: Reader,
        files: list[ImageFile],
        class_names: tuple[str, ...],
        *,
        path: str,
        group_kind: GroupKind | None = None,
        grouped_by: str = "data.group",
    ) -> None:
        """Check that the images are a data set to learn from.

        Args:
            reader: reads them, on any node.
            files: every image, in the order of the image table.
            class_names: in the order of their labels.
            path: the data set as the configuration names it, for messages.
            group_kind: what their groups are; unset: objects, if there are any.
            grouped_by: the key that says so, for messages.

        Raises:
            DataError: there are fewer than two classes, or one has no training images.
        """
        _check_classes(class_names, files, path)
        self.class_names = class_names
        self.reader = reader
        if group_kind is None:
            group_kind = "object" if any(file.group for file in files) else ""
        self.group_kind: GroupKind = group_kind
        self._files = files
        self._grouped_by = grouped_by

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    def describe(self) -> list[str]:
        """The classes, what was chosen for splits that are lacking, and the classes that these do not have."""
        lines = [f"{len(self.class_names)} classes: {few(self.class_names, most=20)}"]
        if alike := _alike(self.class_names):
            lines.append(f"classes whose names differ in case or spaces alone: {few(alike, most=20)}")
        lines += chosen_lines(self._files)
        for split in ("val", "test"):
            having = {file.class_name for file in self._files if file.split == split}
            if lacking := [name for name in self.class_names if name not in having]:
                lines.append(f"no {split} image of {few(lacking)}: what is learnt of them is not measured there")
        return [*lines, *(object_lines(self._files, self._grouped_by) if self.group_kind == "object" else [])]

    def identity(self) -> dict[str, Any]:
        """Names, classes, sizes and times of the files; their content is hashed later, when it is read."""
        labels, files = self._labels(), hashlib.sha256()
        for file in self._files:
            found = file.found
            facts = [found.path, file.split, labels[file.class_name], found.size, found.modified_ns, found.problem]
            files.update(json.dumps(facts).encode())
        return {"class_names": list(self.class_names), "files": files.hexdigest()}

    def items(self) -> Iterator[Item]:
        """Every file."""
        labels = self._labels()
        for file in self._files:
            found = file.found
            yield Item(
                found.path,
                labels[file.class_name],
                file.class_name,
                file.split,
                file.group,
                place=file.place,
                problem=found.problem,
                size=found.size,
                stamp=f"{found.size}:{found.modified_ns}",
            )

    def _labels(self) -> dict[str, int]:
        return {name: label for label, name in enumerate(self.class_names)}


def _alike(names: Iterable[str]) -> list[str]:
    """The names that are another's but for case, spaces and `_`: as a rule one class, but not for letters."""
    same: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        same["".join(re.split(r"[\s_-]+", unicodedata.normalize("NFKC", name).casefold()))].append(name)
    return [name for group in same.values() if len(group) > 1 for name in group]


def chosen_lines(files: Iterable[ImageFile]) -> list[str]:
    """How many images were taken for splits that are lacking, for a person."""
    taken = Counter(file.split for file in files if file.chosen)
    return [f"{split}: {count:,} of the training images, chosen by data.split_seed" for split, count in taken.items()]


def object_lines(files: list[ImageFile], key: str) -> list[str]:
    """Which objects were found, for a person."""
    known = [file for file in files if file.group is not None]
    sizes = Counter(file.split for file in files)
    came_out = ", ".join(f"{split} {size:,} ({100 * size / len(files):.1f} %)" for split, size in sizes.items())
    objects, first = len({file.group for file in known}), known[0]
    lines = [
        f"{key}: {objects:,} objects in {len(known):,} images, such as '{first.group}' in {first.found.path}",
        f"an object's images stay together where a split is chosen, so its size is near what was asked: {came_out}",
    ]
    if unknown := [file.found.path for file in files if file.group is None]:
        lines.append(f"{key} finds nothing in {few(unknown)}: each counts as an object of its own")
    return lines


def open_root(path: str, expected: str) -> Folder:
    """The folder of `data.path`, local or by URI.

    Raises:
        DataError: it does not exist, or cannot be reached; the message says what was `expected`.
    """
    folder = open_run(path, "").folder
    try:
        kind = folder.filesystem.get_file_info(folder.path.rstrip("/")).type
    except OSError as error:
        raise DataError(f"data.path: '{path}' cannot be reached: {reason(error)}") from error
    if kind != fs.FileType.Directory:
        raise DataError(f"data.path: '{path}' is not a folder{looked_at(path)}; {expected}")
    return folder


def _check_classes(class_names: tuple[str, ...], files: list[ImageFile], path: str) -> None:
    if len(class_names) < 2:
        has = f"has one class only ('{class_names[0]}')" if class_names else "has no classes"
        raise DataError(f"data.path: '{path}' {has}; a classifier needs two or more")
    trained = {file.class_name for file in files if file.split == "train" and not file.found.problem}
    if untrained := set(class_names) - trained:
        broken = [file.found for file in files if file.class_name in untrained and file.found.problem]
        why = f" ({broken[0].path}: {broken[0].problem})" if broken else ""
        others = sorted({file.split for file in files if file.class_name in untrained} - {"train"})
        where = f" (only in {few(others)})" if others else ""
        raise DataError(
            f"data.path: no training images of {few(sorted(untrained))}{where}{why}; add some, give the class one name "
            "in all splits, or drop the class"
        )
