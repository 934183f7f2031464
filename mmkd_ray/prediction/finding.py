"""From what a person writes to images: files, folders, patterns, Parquet files, local or by URI."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.config.locations import looked_at
from mmkd_ray.data.sources.base import Item, Reader
from mmkd_ray.data.sources.columns import find_image_column
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.data.sources.junk import Skipped
from mmkd_ray.data.sources.listing import Found, find_files, list_tree, reason, split_place
from mmkd_ray.data.sources.parquet import image_rows
from mmkd_ray.data.sources.parquet_reader import ParquetReader, open_parquet
from mmkd_ray.errors import DataError, few, one_line

_PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)  # one for each image
class Picture:
    """An image to predict, before it is read."""

    name: str
    """For people: as it was written, or as its folder was and its path in it; of a row, the file and its number."""
    reader: Reader
    item: Item


def find_images(words: Iterable[str], *, column: str = "") -> list[Picture]:
    """All images that are meant, in order; what is not there, or no image, is told when it is read.

    Args:
        words: local paths or URIs: files, folders (with all that they hold), Parquet files, patterns (`*`, `**`; of
            local paths `?` and `[a-z]`, too).
        column: of Parquet files, the one with images; unset: the only one, or one with a usual name.

    Raises:
        DataError: a folder or a pattern holds nothing, a storage cannot be reached, or the column of a Parquet file is
            not there.
    """
    finder = _Finder(column)
    return [picture for word in words for picture in finder.find(word)]


class _Names(Skipped):
    """As of a data set's folder, but Parquet files may hold images."""

    def file(self, path: str) -> bool:
        """Whether a file is skipped."""
        is_table = path.endswith(_PARQUET) and not path.rpartition("/")[2].startswith((".", "_"))
        return not is_table and super().file(path)


class _Finder:
    """Looks at one word after the other; files of one folder share a reader."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._readers: dict[str, FileReader] = {}

    def find(self, word: str) -> Iterator[Picture]:
        if not word:  # as of a shell's variable that is not set; it would be the current folder
            raise DataError("'' names no images; give files, folders or patterns: '.' for the current folder")
        place = Folder.at(word)
        try:
            kind = place.filesystem.get_file_info(place.path.rstrip("/") or "/").type
            if kind == fs.FileType.NotFound and _is_pattern(place.uri):
                return iter(self._match(word, place))
        except OSError as error:
            raise DataError(f"'{word}' cannot be reached: {reason(error)}") from error
        return self._folder(word, place) if kind == fs.FileType.Directory else self._file(word)

    def _folder(self, word: str, folder: Folder) -> Iterator[Picture]:
        found = list_tree(folder, _Names()).found
        if not found:
            raise DataError(f"'{word}' holds no images{looked_at(word)}; give files, or a folder with some in it")
        return self._files(f"{word.partition('?')[0].rstrip('/')}/", folder, found)

    def _file(self, word: str) -> Iterator[Picture]:
        parent, name = split_place(word)
        uri = word.partition("?")[0] if "://" in word else word
        return self._files(uri[: len(uri) - len(name)], parent, find_files(parent, [name]))

    def _match(self, word: str, place: Folder) -> list[Picture]:
        if "://" not in place.uri:
            names = sorted(glob.glob(str(Path(word).expanduser()), recursive=True))  # noqa: PTH207 (it keeps names as they are written)
            found = [picture for name in names if not _Names().file(name) for picture in self.find(name)]
        else:
            root, pattern = _split_pattern(place)
            matching = [file for file in list_tree(root, _Names()).found if _matches_or_lies_in(file.path, pattern)]
            found = list(self._files(f"{root.uri.rstrip('/')}/", root, matching))
        if not found:
            raise DataError(f"nothing matches '{word}'{looked_at(word)}: quote a pattern, or let the shell expand it")
        return found

    def _files(self, prefix: str, root: Folder, found: Iterable[Found]) -> Iterator[Picture]:
        """Files below a folder, which are called `prefix` and their path there."""
        reader = self._readers.setdefault(root.address, FileReader(root))
        for file in found:
            if file.path.endswith(_PARQUET) and not file.problem:
                yield from self._rows(prefix, root, file)
            else:
                yield Picture(f"{prefix}{file.path}", reader, _item(file))

    def _rows(self, prefix: str, root: Folder, file: Found) -> Iterator[Picture]:
        name = f"{prefix}{file.path}"
        try:
            with open_parquet(root, file.path) as opened:
                columns = opened.schema_arrow
                column = find_image_column(columns, self._column, place=name, key="--column")
                rows = list(image_rows(opened, file, column)) if column else []
        except (OSError, pa.ArrowException) as error:
            yield Picture(name, FileReader(root), _item(file, f"cannot be read: {one_line(error)}"))
            return
        if column is None:
            problem = f"has no column of encoded images; it has {few(columns.names, most=12)}"
            yield Picture(name, FileReader(root), _item(file, problem))
            return
        reader = ParquetReader(root, column)
        for row, place in rows:
            yield Picture(f"{prefix}{row.path}", reader, _item(row, place=place))


def _item(file: Found, problem: str = "", place: object = None) -> Item:
    stamp = f"{file.size}:{file.modified_ns}"
    return Item(file.path, None, None, "", place=place, problem=problem or file.problem, size=file.size, stamp=stamp)


def _is_pattern(uri: str) -> bool:
    """Of a URI, `?` begins the options, and pyarrow accepts no bracket."""
    return "*" in uri if "://" in uri else glob.has_magic(uri)


def _split_pattern(place: Folder) -> tuple[Folder, list[str]]:
    """The deepest folder without a sign of a pattern, and the pattern below it."""
    scheme, _, rest = place.uri.partition("://")
    parts = rest.split("/")
    first = next(number for number, part in enumerate(parts) if "*" in part)
    return Folder(f"{scheme}://{'/'.join(parts[:first])}", place.options), parts[first:]


def _matches_or_lies_in(path: str, pattern: Sequence[str]) -> bool:
    parts = path.split("/")
    return any(_matches(parts[: count + 1], pattern) for count in range(len(parts)))


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
