"""What lies in a tree of folders: files, folders, and what looks like one and cannot be read."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.data.sources.junk import Skipped
from mmkd_ray.errors import DataError

MAX_FILE_BYTES = 2**30
"""A file is read into memory as a whole, and becomes one value of an Arrow table, which must be below 2 GiB."""

_ASKED = 1000
"""Files of an object store that are asked for at a time."""
_EMPTY_NAME = "its key has an empty name (//), which pyarrow does not read: rename the object"


@dataclass(frozen=True, slots=True)  # one for each image of a data set
class Found:
    """A file of the tree; or a folder that cannot be listed, whose `path` ends with a slash."""

    path: str  # within the tree, valid UTF-8
    size: int = 0
    modified_ns: int = 0
    problem: str = ""
    """Why it cannot be read, as far as is known without reading it; else empty. Enters the identity of the source."""
    hides_files: bool = False
    """Whether it is, or may be, a folder, so that an unknown number of files is missing."""


@dataclass
class Tree:
    """All that a folder holds, without what is skipped by name."""

    found: list[Found] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    """Paths within the tree, empty folders among them."""


def list_tree(root: Folder, skipped: Skipped) -> Tree:
    """All that is an image by its name or may be one, sorted by path; nothing is opened, links to folders are followed.

    Raises:
        DataError: the root itself cannot be listed.
    """
    local = isinstance(root.filesystem, fs.LocalFileSystem)
    tree = Tree()
    try:
        for item in _local_tree(root.path, skipped) if local else _remote_tree(root, skipped):
            if isinstance(item, str):
                tree.folders.append(item)
            else:
                tree.found.append(checked(item))
    except OSError as error:
        raise DataError(f"data.path: '{root.uri}' cannot be listed: {reason(error)}") from error
    return Tree(sorted(tree.found, key=lambda item: item.path), sorted(tree.folders))


def find_file(root: Folder, path: str) -> Found:
    """One file of a tree on a local disk, by its path in the tree; a missing file has a `problem`."""
    found = _look_at(Path(root.path, path), path)
    return checked(found or Found(path, problem="a folder and no file"))


def find_files(root: Folder, paths: Sequence[str]) -> list[Found]:
    """Files by their paths in a tree, their absolute paths, or URIs, in order; a missing file has a `problem`."""
    local = isinstance(root.filesystem, fs.LocalFileSystem)
    found: dict[str, Found] = {}
    remote: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        if "://" in path:
            # A file system for each bucket.
            scheme, _, rest = path.partition("://")
            remote[f"{scheme}://{rest.partition('/')[0]}"].append(path)
        elif local or path.startswith("/"):
            found[path] = find_file(root, path)
        else:
            remote[""].append(path)
    for bucket, members in remote.items():
        found |= _find_remote(Folder.at(bucket) if bucket else root, members, bucket)
    return [found[path] for path in paths]


def _find_remote(folder: Folder, paths: list[str], prefix: str) -> dict[str, Found]:
    """Files of a file system that is asked for many at a time; the paths begin with `prefix`."""
    found = {}
    for start in range(0, len(paths), _ASKED):
        asked = paths[start : start + _ASKED]
        places = [f"{folder.path.rstrip('/')}/{path.removeprefix(prefix).lstrip('/')}" for path in asked]
        try:
            infos = folder.filesystem.get_file_info(places)
        except OSError as error:
            raise DataError(f"'{asked[0]}' cannot be reached: {reason(error)}") from error
        for path, info in zip(asked, infos, strict=True):
            problem = "" if info.type == fs.FileType.File else "cannot be read: No such file"
            found[path] = checked(Found(path, info.size or 0, info.mtime_ns or 0, problem))
    return found


def split_place(path: str) -> tuple[Folder, str]:
    """The folder that a local path or URI lies in, and its name there."""
    whole = Folder.at(path)
    return whole.parent, whole.uri.rstrip("/").rpartition("/")[2]


def read_file(path: str) -> bytes:
    """The content of a file by its local path or URI.

    Raises:
        OSError: it cannot be read.
    """
    folder, name = split_place(path)
    return folder.read_bytes(name)


def reason(error: OSError) -> str:
    """What went wrong, without the path, which messages name themselves."""
    return os.strerror(error.errno) if error.errno else str(error)


def _remote_tree(root: Folder, skipped: Skipped) -> Iterator[Found | str]:
    base = root.path.rstrip("/") + "/"
    known: dict[str, bool] = {"": False}  # folder: whether it is skipped, as a part of another or itself

    def is_skipped(folder: str) -> bool:
        if folder not in known:
            known[folder] = is_skipped(folder.rpartition("/")[0]) or skipped.folder(folder)
        return known[folder]

    for info in root.filesystem.get_file_info(fs.FileSelector(base.rstrip("/"), recursive=True)):
        key = info.path.removeprefix(base)
        # Object stores have keys such as a//b.png, whose folders are listed as `a`, `a/` and `a/`.
        path = "/".join(filter(None, key.split("/")))
        if info.type == fs.FileType.Directory and path == key and not is_skipped(path):
            yield path
        elif info.type == fs.FileType.File and not is_skipped(path.rpartition("/")[0]) and not skipped.file(path):
            if path == key:
                yield Found(path, info.size, info.mtime_ns or 0)
            else:
                yield Found(f"{path} (key {key})", problem=_EMPTY_NAME)


def _local_tree(base: str, skipped: Skipped) -> Iterator[Found | str]:
    """The listing of pyarrow ends with an exception at a folder that it may not enter or a name that is not UTF-8."""
    pending: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while pending:
        folder, above = pending.pop()
        try:
            status = (Path(base) / folder).stat()
            with os.scandir(Path(base) / folder) as scanned:
                entries = list(scanned)
        except OSError as error:
            if not folder:
                raise
            yield Found(folder, problem=f"the folder cannot be listed: {reason(error)}", hides_files=True)
            continue
        if (status.st_dev, status.st_ino) in above:
            yield Found(folder, problem="a link to a folder that it lies in", hides_files=True)
            continue
        for entry in entries:
            path = folder + entry.name
            found = _look_at(Path(entry.path), path)
            if found is None:
                if not skipped.folder(path):
                    yield path
                    pending.append((f"{path}/", above | {(status.st_dev, status.st_ino)}))
            elif not skipped.file(path):
                yield found


def _look_at(entry: Path, path: str) -> Found | None:
    """The file `entry`, called `path` in the tree; None if it is a folder."""
    try:
        status = entry.stat()
    except OSError as error:
        dangling = isinstance(error, FileNotFoundError) and entry.is_symlink()
        problem = "a link that leads nowhere" if dangling else f"cannot be read: {reason(error)}"
        return Found(path, problem=problem, hides_files=True)
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        # Reading a pipe would wait for a writer for ever.
        return Found(path, problem="no ordinary file but a pipe, socket or device")
    # Checked now, so that a file whose permissions have been corrected counts as changed.
    problem = "" if os.access(entry, os.R_OK) else "cannot be read: Permission denied"
    return Found(path, status.st_size, status.st_mtime_ns, problem)


def checked(found: Found) -> Found:
    """The same with a `problem`, if its name is not text or it is too large."""
    try:
        found.path.encode()
    except UnicodeEncodeError:
        readable = os.fsencode(found.path).decode("utf-8", "backslashreplace")
        return replace(found, path=readable, problem="its name is not valid UTF-8")
    if found.size > MAX_FILE_BYTES and not found.problem:
        return replace(found, problem=f"{found.size:,} bytes are more than the limit of {MAX_FILE_BYTES:,}")
    return found
