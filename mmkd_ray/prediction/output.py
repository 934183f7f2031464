"""Rows written as they come, as JSON lines or Parquet; the file gets its name when it is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmkd_ray.data.sources.listing import reason, split_place
from mmkd_ray.errors import ArtifactError, ConfigError
from mmkd_ray.prediction.rows import by_name
from mmkd_ray.students.card import Card

Write = Callable[[pa.Table], None]
_ENDINGS = (".jsonl", ".parquet")


def check_output(path: str) -> None:
    """Make sure that the name of a file says a format; no name at all is well, too.

    Raises:
        ConfigError: it says none that is written.
    """
    if path and not path.endswith(_ENDINGS):
        raise ConfigError(f"--output: got '{path}'; accepted: a file whose name ends in {' or '.join(_ENDINGS)}")


def writing(path: str, columns: pa.Schema, card: Card) -> AbstractContextManager[Write]:
    """What is to be called with rows, some at a time.

    Args:
        path: local or a URI; see `check_output`. A file that is there already is replaced. Empty: nothing is written.
        columns: of the rows.
        card: names their numbers in JSON lines.

    Raises:
        ArtifactError: the file cannot be written; nothing of it is left.
    """
    return _writing(path, columns, card) if path else nullcontext(lambda _: None)


@contextmanager
def _writing(path: str, columns: pa.Schema, card: Card) -> Iterator[Write]:
    folder, name = split_place(path)
    temporary = f"{folder.path}/.{name}.part"
    with _told(path):
        folder.filesystem.create_dir(folder.path)
        stream = folder.filesystem.open_output_stream(temporary)
    try:
        table_writer = pq.ParquetWriter(stream, columns) if name.endswith(".parquet") else None

        def write(table: pa.Table) -> None:
            with _told(path):
                if table_writer:
                    table_writer.write_table(table.cast(columns))
                else:
                    stream.write(_lines(table, card))

        yield write
        with _told(path):
            if table_writer:
                table_writer.close()
            stream.close()
            folder.filesystem.move(temporary, f"{folder.path}/{name}")
    except BaseException:
        with suppress(OSError):
            stream.close()
            folder.filesystem.delete_file(temporary)
        raise


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"--output: '{path}' cannot be written: {reason(error)}; give another place") from error


def _lines(table: pa.Table, card: Card) -> bytes:
    rows: list[dict[str, Any]] = table.to_pylist()
    return "".join(f"{json.dumps(by_name(row, card), ensure_ascii=False)}\n" for row in rows).encode()
