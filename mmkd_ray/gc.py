"""What no run of a storage path needs any more: image tables, answers, and files that killed writers have left."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pyarrow import fs

from mmkd_ray.artifacts import DAMAGED, RECORD, SHARED, Folder, Run, is_temporary

YOUNG_S = 3600.0
"""What has been written within so many seconds stays: a run notes what it refers to only when it is whole."""
STALE_S = 24 * 3600.0
"""A file under a temporary name, or a table without a record, is left over when nothing was written for so long: a
running extraction writes each file within seconds, and an image table that is being made grows all the time."""


@dataclass(frozen=True)
class Unused:
    """Something that could be deleted."""

    folder: Folder
    name: str
    """A file in `folder`, or empty for all of it."""
    size: int
    """Bytes."""
    age_s: float
    """Seconds since anything in it was written."""
    reason: str
    """Why nobody needs it."""

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"{self.folder.uri}/{self.name}" if self.name else self.folder.uri


def unused(storage: Folder, *, now: float | None = None) -> list[Unused]:
    """What could be deleted without any run noticing, largest first; nothing is changed.

    Args:
        storage: `storage.path`, the folder of all runs.
        now: seconds since 1970; the present time if unset.

    Raises:
        DamagedError: a run's file that says what it refers to is damaged.
    """
    now = time.time() if now is None else now
    files = _files(storage)
    images, answers = _references(storage)
    found = [
        *_folders(storage, files, "images", images, now),
        *_folders(storage, files, "answers", answers, now),
    ]
    inside = tuple(f"{item.folder.path}/" for item in found)
    found += [item for item in _leftovers(storage, files, now) if not f"{item.folder.path}/".startswith(inside)]
    return sorted(found, key=lambda item: (-item.size, item.uri))


def delete(items: Iterable[Unused]) -> None:
    """Delete what `unused` has found."""
    for item in items:
        if item.name:
            item.folder.delete_file(item.name)
        else:
            item.folder.delete()


def _references(storage: Folder) -> tuple[set[str], set[str]]:
    """The keys of image tables and of answers that a run refers to.

    Raises:
        DamagedError: one cannot be read, so that it is not known what is unused.
    """
    runs = [Run(storage.child(name)) for name in storage.names() if name != SHARED]
    for run in runs:
        run.check_references()
    images = {key for run in runs if (key := run.image_key()) is not None}
    return images, {key for run in runs for key in run.answer_keys()}


def _folders(storage: Folder, files: list[fs.FileInfo], kind: str, used: set[str], now: float) -> list[Unused]:
    """The shared folders of a kind that no run refers to."""
    place = storage.child(SHARED, kind)
    by_key: defaultdict[str, list[fs.FileInfo]] = defaultdict(list)
    for file in files:
        if file.path.startswith(f"{place.path}/"):
            by_key[file.path[len(place.path) + 1 :].partition("/")[0]].append(file)
    found = []
    for key in by_key.keys() - used:
        unfinished = kind == "images" and not any(file.base_name == RECORD for file in by_key[key])
        age = now - max(_written(file) for file in by_key[key])
        if age >= (STALE_S if unfinished else YOUNG_S):
            reason = "was never finished" if unfinished else "no run refers to it"
            found.append(Unused(place.child(key), "", sum(file.size for file in by_key[key]), age, reason))
    return found


def _leftovers(storage: Folder, files: list[fs.FileInfo], now: float) -> list[Unused]:
    found = []
    for file in files:
        age = now - _written(file)
        reason = "its writer was killed" if is_temporary(file.base_name) else "damaged, and set aside"
        if (is_temporary(file.base_name) or file.base_name.endswith(DAMAGED)) and age >= STALE_S:
            inner = file.path[len(storage.path) + 1 :].rpartition("/")[0]
            folder = storage.child(inner) if inner else storage
            found.append(Unused(folder, file.base_name, file.size, age, reason))
    return found


def _files(storage: Folder) -> list[fs.FileInfo]:
    selector = fs.FileSelector(storage.path, recursive=True, allow_not_found=True)
    return [info for info in storage.filesystem.get_file_info(selector) if info.type == fs.FileType.File]


def _written(file: fs.FileInfo) -> float:
    return (file.mtime_ns or 0) / 1e9
