"""A folder on storage: bytes, JSON and tables in it, and the completion record that is written last."""

from __future__ import annotations

import json
import os
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
from pyarrow import fs

from mmkd_ray.artifacts.checksums import content_hash, take_checksum, with_checksum
from mmkd_ray.artifacts.damage import damaged
from mmkd_ray.artifacts.disk import disk_error
from mmkd_ray.artifacts.tables import read_parquet, to_parquet
from mmkd_ray.config.locations import absolute, check_no_credentials
from mmkd_ray.console import notice
from mmkd_ray.errors import ArtifactError, DamagedError, one_line

RECORD = "record.json"
DAMAGED = ".damaged"
"""Ending of files that were set aside."""
_FILES = "files"
"""Key of a completion record: the hashes of the files beside it."""
_READERS = 16
"""Files read at a time: object stores answer slowly, and many at once."""


def is_temporary(name: str) -> bool:
    """Whether a file is one that is being written, or that a killed writer has left: no reader looks at it."""
    return name.startswith(".") and name.endswith(".part")


@dataclass(frozen=True)
class Folder:
    """A folder on storage, by URI (`s3://bucket/key`) or absolute local path."""

    uri: str
    options: str = ""
    """What followed the `?` of the URI, for the file system: `endpoint_override=localhost:9000&scheme=http`."""

    @classmethod
    def at(cls, place: str) -> Folder:
        """The folder at a local path, which may be relative to the current folder, or at a URI, which may have a query.

        Raises:
            ConfigError: the URI holds a key or a password.
            ArtifactError: the URI has a fragment, which pyarrow would ignore.
        """
        check_no_credentials(place)
        if "://" not in place:
            return cls(absolute(place))
        if "#" in place:
            raise ArtifactError(f"'{place}': '#' ends the path of a URI; write %23 if it belongs to a name")
        uri, _, options = place.partition("?")
        return cls(uri, options)

    @cached_property
    def _resolved(self) -> tuple[fs.FileSystem, str]:
        try:
            return fs.FileSystem.from_uri(self.address)
        except (pa.ArrowInvalid, OSError) as error:
            raise ArtifactError(
                f"'{self.uri}' cannot be reached ({error}); give a local folder, s3://bucket/key or gs://bucket/key"
            ) from error

    @property
    def filesystem(self) -> fs.FileSystem:
        """The pyarrow file system the folder is on."""
        return self._resolved[0]

    @property
    def path(self) -> str:
        """The folder's path within its file system."""
        return self._resolved[1]

    @property
    def address(self) -> str:
        """What `Folder.at` makes this folder of again."""
        return f"{self.uri}?{self.options}" if self.options else self.uri

    def child(self, *parts: str) -> Folder:
        """A folder inside this one (nothing is created)."""
        return replace(self, uri="/".join([self.uri.rstrip("/"), *parts]))

    @property
    def parent(self) -> Folder:
        """The folder that this one is in."""
        return replace(self, uri=self.uri.rstrip("/").rpartition("/")[0] or "/")

    def exists(self, name: str) -> bool:
        """Whether a file or folder of this name is there."""
        return self.filesystem.get_file_info(f"{self.path}/{name}").type != fs.FileType.NotFound

    def names(self) -> list[str]:
        """Sorted names of what the folder holds, temporary files left out; empty if it does not exist or is a file."""
        selector = fs.FileSelector(self.path, allow_not_found=True)
        try:
            found = [info.base_name for info in self.filesystem.get_file_info(selector)]
        except NotADirectoryError:
            return []
        return sorted(name for name in found if not is_temporary(name))

    def sizes(self) -> dict[str, int]:
        """Bytes of each file, by name, oldest first; temporary files and folders are left out."""
        found = self.filesystem.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        files = [info for info in found if info.type == fs.FileType.File and not is_temporary(info.base_name)]
        files.sort(key=lambda info: (info.mtime_ns or 0, info.base_name))
        return {info.base_name: info.size for info in files}

    def set_aside(self, name: str, reason: str) -> None:
        """Rename a damaged file, so that no reader takes it for what it was, and say so in a line."""
        with suppress(FileNotFoundError):  # another reader has done it
            self.filesystem.move(f"{self.path}/{name}", f"{self.path}/{name}{DAMAGED}")
        notice(f"{self.place(name)} is damaged ({reason}); it is now {name}{DAMAGED}, and counts as not there")

    def delete_file(self, name: str) -> None:
        """Delete a file, if it exists."""
        with suppress(FileNotFoundError):
            self.filesystem.delete_file(f"{self.path}/{name}")

    def delete(self) -> None:
        """Delete the folder with all it holds, if it exists."""
        if self.filesystem.get_file_info(self.path).type == fs.FileType.Directory:
            self.filesystem.delete_dir(self.path)

    def write_bytes(self, name: str, content: bytes | pa.Buffer) -> None:
        """Write a file whole: under a temporary name of its own first, so that no reader ever sees half of it.

        Any number of writers may write the same name at a time: the last one's content stays.

        Raises:
            ArtifactError: the disk is full, read-only or not ours; nothing of the file is left.
        """
        try:
            self._write(name, content)
        except OSError as error:
            if (known := disk_error(error, self.place(name))) is None:
                raise
            raise known from error

    def _write(self, name: str, content: bytes | pa.Buffer) -> None:
        self.filesystem.create_dir(self.path)
        # The dot hides it from pyarrow's readers of whole folders.
        temporary = f"{self.path}/.{name}.{uuid.uuid4().hex}.part"
        try:
            with self.filesystem.open_output_stream(temporary) as stream:
                stream.write(content)
            self._flush(temporary)
            self.filesystem.move(temporary, f"{self.path}/{name}")
        except BaseException:
            with suppress(OSError):
                self.filesystem.delete_file(temporary)
            raise

    def _flush(self, path: str) -> None:
        """Have a local file on the disk before it gets its name: a machine that crashes must not leave it empty."""
        if isinstance(self.filesystem, fs.LocalFileSystem):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read_bytes(self, name: str) -> bytes:
        """The content of a file."""
        with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
            return stream.read()

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file, indented, keys in the order given; a mapping gets one more key, its `checksum`."""
        if isinstance(value, dict):
            value = with_checksum(value)
        self.write_bytes(name, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def read_json(self, name: str, record: Mapping[str, Any] | None = None) -> Any:
        """The value in a JSON file that `write_json` has written.

        Args:
            name: of the file.
            record: the folder's completion record, to compare the file with.

        Raises:
            DamagedError: the file is gone, or is not as it was written.
        """
        content = self.read_checked(name, record or {})
        try:
            value = json.loads(content)
        except ValueError as error:
            reason = f"it is not JSON: {one_line(error)}" if content else "it is empty"
            raise damaged(self.place(name), reason) from error
        if isinstance(value, dict) and not take_checksum(value):
            raise damaged(self.place(name), "its checksum is another")
        return value

    def find_json(self, name: str) -> dict[str, Any]:
        """The mapping in a JSON file; empty where there is none, or, with a line that says so, a damaged one."""
        try:
            return self.read_mapping(name) if self.exists(name) else {}
        except DamagedError as error:
            notice(f"{self.place(name)} is ignored: it is damaged ({error.reason})")
            return {}

    def read_mapping(self, name: str) -> dict[str, Any]:
        """As `read_json`, for a file that holds a mapping."""
        value = self.read_json(name)
        if not isinstance(value, dict):
            raise damaged(self.place(name), "it is not a mapping")
        return value

    def read_checked(self, name: str, record: Mapping[str, Any]) -> bytes:
        """The content of a file, compared with what the folder's completion record says of it.

        Raises:
            DamagedError: it is gone, or is another.
        """
        try:
            content = self.read_bytes(name)
        except FileNotFoundError as error:
            raise damaged(self.place(name), "it is gone") from error
        if record.get(_FILES, {}).get(name) not in (None, content_hash(content)):
            raise damaged(self.place(name), "it is not what its folder's record says")
        return content

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write one Parquet file."""
        self.write_bytes(name, to_parquet(table))

    def read_table(self, name: str = "", columns: list[str] | None = None) -> pa.Table:
        """One Parquet file, or all of a folder's, as a table.

        Raises:
            DamagedError: it is gone, or is not as it was written.
        """
        if not name:
            tables = [table for _, table in self.read_tables(self.tables(), columns)]
            if not tables:
                raise damaged(f"{self.uri}/", "its tables are gone")
            return pa.concat_tables(tables)
        try:
            return read_parquet(self.filesystem, f"{self.path}/{name}", self.place(name), columns)
        except FileNotFoundError as error:
            raise damaged(self.place(name), "it is gone") from error

    def tables(self) -> list[str]:
        """Sorted names of the folder's Parquet files."""
        return [name for name in self.names() if name.endswith(".parquet")]

    def read_tables(
        self,
        names: Iterable[str],
        columns: list[str] | None = None,
        *,
        on_damage: Callable[[str, DamagedError], None] | None = None,
    ) -> Iterator[tuple[str, pa.Table]]:
        """Parquet files by name, one after the other, several on their way at a time.

        Args:
            names: of the files; one that has gone since it was listed is left out.
            columns: which to read; all if unset.
            on_damage: called with the name and the error of a file that is not as it was written, which is then left
                out; unset, the error is raised.

        Raises:
            DamagedError: one is not as it was written.
        """
        names = list(names)
        # Of a few files, each may be large; of many, none is.
        ahead = min(max(2, len(names) // _READERS), 2 * _READERS)
        pending: deque[tuple[str, Future[pa.Table | None]]] = deque()
        with ThreadPoolExecutor(_READERS) as pool:
            for name in [*names, *[None] * ahead]:
                if len(pending) >= ahead or name is None:
                    if not pending:
                        return
                    first, future = pending.popleft()
                    try:
                        table = future.result()
                    except DamagedError as error:
                        if on_damage is None:
                            raise
                        on_damage(first, error)
                        table = None
                    if table is not None:
                        yield first, table
                    del future, table  # not kept while the next one is waited for
                if name is not None:
                    pending.append((name, pool.submit(self._read_if_there, name, columns)))

    def _read_if_there(self, name: str, columns: list[str] | None) -> pa.Table | None:
        try:
            return read_parquet(self.filesystem, f"{self.path}/{name}", self.place(name), columns)
        except FileNotFoundError:
            return None

    def finish(self, identity: str, **facts: Any) -> dict[str, Any]:
        """Write the completion record and give it: always the last act of the stage that made the folder.

        It has a hash of each file beside it; those of folders in this one have checksums of their own.
        """
        files = {name: content_hash(self.read_bytes(name)) for name in sorted(self.sizes()) if name != RECORD}
        record = {"fingerprint": identity, **facts, **({_FILES: files} if files else {})}
        self.write_json(RECORD, record)
        return record

    def record(self) -> dict[str, Any] | None:
        """The completion record, or None where the stage did not finish or the record is damaged."""
        record = self.find_json(RECORD)
        return record if isinstance(record.get("fingerprint"), str) else None

    def finished(self, identity: str) -> dict[str, Any] | None:
        """The completion record if it is of this identity, else None."""
        record = self.record()
        return record if record and record["fingerprint"] == identity else None

    def place(self, name: str) -> str:
        """Where a file of the folder is, for people."""
        return f"{self.uri.rstrip('/')}/{name}"
