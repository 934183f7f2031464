"""Data sets on a local disk that come with lists of their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mmkd_ray.artifacts import Folder, open_run
from mmkd_ray.data.sources.files import ImageFile, open_root
from mmkd_ray.data.sources.listing import find_file, reason
from mmkd_ray.errors import DataError


def open_local_root(path: str, expected: str, *, must_exist: bool = True) -> Folder:
    """The folder of `data.path` on a local disk.

    Args:
        path: as the configuration names it.
        expected: what should be there, for the message.
        must_exist: whether it must already exist.

    Raises:
        DataError: it does not exist, cannot be reached, or is not on a local disk.
    """
    if "://" in path and not path.startswith("file://"):
        raise DataError(
            f"data.path: got '{path}'; a local folder is accepted here: copy the data set to one; {expected}"
        )
    return open_root(path, expected) if must_exist else open_run(path, "").folder


def read_text(root: Folder, name: str, expected: str) -> str:
    """The text of one of a data set's lists.

    Raises:
        DataError: it does not exist, or is not text; the message says what was `expected`.
    """
    try:
        return root.read_bytes(name).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"data.path: '{Path(root.path, name)}' cannot be read: {reason(error)}; {expected}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"data.path: '{Path(root.path, name)}' is not text in UTF-8; {expected}") from error


def find_listed(root: Folder, listed: Iterable[tuple[str, str, str]], expected: str) -> list[ImageFile]:
    """The files that a data set lists; a missing file has a `problem`.

    Args:
        root: the folder that the paths are relative to.
        listed: path, split and class of each image.
        expected: what should be there, for the message.

    Raises:
        DataError: an image is listed twice, none is listed, or none of them can be read.
    """
    files = [ImageFile(find_file(root, path), split, class_name) for path, split, class_name in listed]
    check_unique((file.found.path for file in files), "image")
    if not files:
        raise DataError(f"data.path: the data set in '{root.path}' lists no images; {expected}")
    if all(file.found.problem for file in files):
        first = files[0].found
        raise DataError(
            f"data.path: none of the {len(files):,} images that the data set lists can be read "
            f"('{Path(root.path, first.path)}': {first.problem}); {expected}"
        )
    return files


def check_unique(names: Iterable[str], kind: str) -> None:
    """Refuse duplicates: an image could be in training and test, and two classes with one name would be merged.

    Raises:
        DataError: a name is a duplicate.
    """
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    if duplicates:
        raise DataError(
            f"data.path: the data set lists the {kind} '{duplicates[0]}' twice; unpack it again, or correct its lists"
        )
