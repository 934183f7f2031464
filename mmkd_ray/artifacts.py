"""Artifacts on storage: folders that any node can reach, and completion records that are written last.

Every path goes through `pyarrow.fs`, so a run can live on a local disk, S3 or GCS alike.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from mmkd_ray.errors import ArtifactError

RECORD = "record.json"
SHARED = "shared"
"""Folder of a storage path for what its runs have in common; no run may have this name."""
_IMAGES, _ANSWERS = "images.json", "answers.json"
"""Files of a run: which image table, and which teachers' answers, it refers to."""
_READERS = 16
"""Files read at a time: object stores answer slowly, and many at once."""


def is_temporary(name: str) -> bool:
    """Whether a file is one that is being written, or that a killed writer has left: no reader looks at it."""
    return name.startswith(".") and name.endswith(".part")


@dataclass(frozen=True)
class Folder:
    """A folder on storage, by URI (`s3://bucket/key`) or absolute local path."""

    uri: str

    @cached_property
    def _resolved(self) -> tuple[fs.FileSystem, str]:
        try:
            return fs.FileSystem.from_uri(self.uri)
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

    def child(self, *parts: str) -> Folder:
        """A folder inside this one (nothing is created)."""
        return Folder("/".join([self.uri.rstrip("/"), *parts]))

    def exists(self, name: str) -> bool:
        """Whether a file or folder of this name is there."""
        return self.filesystem.get_file_info(f"{self.path}/{name}").type != fs.FileType.NotFound

    def names(self) -> list[str]:
        """Sorted names of what the folder holds, temporary files left out; empty if it does not exist."""
        selector = fs.FileSelector(self.path, allow_not_found=True)
        found = [info.base_name for info in self.filesystem.get_file_info(selector)]
        return sorted(name for name in found if not is_temporary(name))

    def sizes(self) -> dict[str, int]:
        """Bytes of each file, by name, oldest first; temporary files and folders are left out."""
        found = self.filesystem.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        files = [info for info in found if info.type == fs.FileType.File and not is_temporary(info.base_name)]
        files.sort(key=lambda info: (info.mtime_ns or 0, info.base_name))
        return {info.base_name: info.size for info in files}

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
        """
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
        """Write a JSON file, indented, keys in the order given."""
        self.write_bytes(name, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def read_json(self, name: str) -> Any:
        """The value in a JSON file."""
        return json.loads(self.read_bytes(name))

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write one Parquet file."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.write_bytes(name, sink.getvalue())

    def read_table(self, name: str = "", columns: list[str] | None = None) -> pa.Table:
        """One Parquet file, or all of a folder's, as a table."""
        path = f"{self.path}/{name}" if name else self.path
        return pq.read_table(path, filesystem=self.filesystem, columns=columns)

    def read_tables(self, names: Iterable[str], columns: list[str] | None = None) -> Iterator[tuple[str, pa.Table]]:
        """Parquet files by name, one after the other, several on their way at a time.

        One that has gone since it was listed is left out.
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
                    if (table := future.result()) is not None:
                        yield first, table
                    del future, table  # not kept while the next one is waited for
                if name is not None:
                    pending.append((name, pool.submit(self._read_if_there, name, columns)))

    def _read_if_there(self, name: str, columns: list[str] | None) -> pa.Table | None:
        try:
            with pq.ParquetFile(self.filesystem.open_input_file(f"{self.path}/{name}"), pre_buffer=True) as file:
                return file.read(columns=columns, use_threads=False)
        except OSError:
            if self.exists(name):
                raise
            return None

    def finish(self, identity: str, **facts: Any) -> None:
        """Write the completion record: always the last act of the stage that made the folder."""
        self.write_json(RECORD, {"fingerprint": identity, **facts})

    def record(self) -> dict[str, Any] | None:
        """The completion record, or None where the stage did not finish."""
        return self.read_json(RECORD) if self.exists(RECORD) else None

    def finished(self, identity: str) -> dict[str, Any] | None:
        """The completion record if it is of this identity, else None."""
        record = self.record()
        return record if record and record["fingerprint"] == identity else None


@dataclass(frozen=True)
class Run:
    """The folders of one run, and what it shares with the other runs of its storage path."""

    folder: Folder

    @property
    def name(self) -> str:
        """The run's own within its storage path."""
        return self.folder.uri.rstrip("/").rpartition("/")[2]

    @property
    def shared(self) -> Folder:
        """What all runs of the storage path have in common: `images/KEY/` and `answers/KEY/`."""
        return Folder(f"{self.folder.uri.rstrip('/').rpartition('/')[0]}/{SHARED}")

    @property
    def images(self) -> Folder:
        """The shared image table that the run refers to: `table/*.parquet`, `quarantine.parquet`, the record.

        A place that holds nothing, as long as it refers to none.

        Raises:
            ArtifactError: the run was made by version 0.1.0, which kept images and answers in the run's own folder.
        """
        if (key := self.image_key()) is None:
            self._refuse_old_layout()
            return self.folder.child("images")
        return self.shared.child("images", key)

    def image_key(self) -> str | None:
        """The key of the image table that the run refers to; None if it refers to none yet."""
        try:
            return self.folder.read_json(_IMAGES)["key"]
        except (FileNotFoundError, NotADirectoryError):
            return None

    def refer_to_images(self, key: str) -> Folder:
        """Make `shared/images/KEY` the run's image table, in the place of another one, which stays where it is."""
        self.folder.write_json(_IMAGES, {"key": key})
        return self.images

    @property
    def aspects(self) -> Folder:
        """The questions: what an LLM said, what was accepted, `aspects.yaml`, the record of their selection."""
        return self.folder.child("aspects")

    @property
    def evidence(self) -> Folder:
        """What questions are worth: their scores on a pilot sample, a page, and the audit."""
        return self.folder.child("evidence")

    @property
    def teacher(self) -> Folder:
        """The teacher table: `table/*.parquet`, `questions.json`, `quarantine.parquet`, the record."""
        return self.folder.child("teacher")

    def answers(self, key: str) -> Folder:
        """Everything that one teacher, asked in one way, has answered to any run: what teacher tables are made from."""
        return self.shared.child("answers", key)

    def refer_to_answers(self, key: str) -> None:
        """Note, before anything is asked, that the run needs `shared/answers/KEY`."""
        keys = self.answer_keys()
        if key not in keys:
            self.folder.write_json(_ANSWERS, {"keys": [*keys, key]})

    def answer_keys(self) -> list[str]:
        """The keys of all answers that the run has ever needed: a teacher may be set back."""
        return self.folder.read_json(_ANSWERS)["keys"] if self.folder.exists(_ANSWERS) else []

    @property
    def study(self) -> Folder:
        """One folder for each student of a study, and Ray Train's checkpoints."""
        return self.folder.child("study")

    @property
    def tune(self) -> Folder:
        """A search: its table of trials, the best configuration, charts, and Ray Tune's folder of each trial."""
        return self.folder.child("tune")

    def _refuse_old_layout(self) -> None:
        if self.folder.child("images").exists(RECORD) or self.folder.exists("answers"):
            raise ArtifactError(
                f"{self.folder.uri} was made by version 0.1.0, which kept images and answers in the run's own folder; "
                f"now runs share them: choose another name or storage.path, or delete {self.folder.uri}"
            )

    def require(self, folder: Folder, command: str, **facts: Any) -> dict[str, Any]:
        """The record of a finished stage, which must state these facts.

        Raises:
            ArtifactError: the stage has not been run so; the message names the command that does.
        """
        record = folder.record()
        if record is None:
            raise ArtifactError(f"{folder.uri} is not finished: run `mmkd {command} CONFIG` first")
        if any(record[key] != value for key, value in facts.items()):
            raise ArtifactError(f"{folder.uri} was made for another configuration: run `mmkd {command} CONFIG` first")
        return record


def absolute(place: str) -> str:
    """A URI as it is; a local path, which may be relative to the current folder, as an absolute one."""
    return place if "://" in place else str(Path(place).expanduser().absolute())


def open_run(storage_path: str, name: str) -> Run:
    """The run `name` under `storage_path`."""
    return Run(Folder(f"{absolute(storage_path).rstrip('/')}/{name}"))
