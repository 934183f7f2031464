"""Parquet files with checksums: written here and read here alone, so that no damage passes for data.

A page's CRC covers its data, and `_CHECK` the names, types and metadata of the columns. Files of earlier versions have
neither, and are read as they are.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from mmkd_ray.artifacts.damage import damaged
from mmkd_ray.errors import one_line

_CHECK = b"mmkd.schema"
"""Key in the metadata of a file: the hash of its schema with all other metadata."""
_ARROW = b"ARROW:schema"
"""Key that pyarrow always writes: the schema in Arrow's own form, which holds the other metadata once more."""


def to_parquet(table: pa.Table) -> pa.Buffer:
    """A table as the bytes of a Parquet file."""
    as_read = pq.read_schema(pa.BufferReader(_write(table.schema.empty_table())))  # types change a little on the way
    metadata = {**(table.schema.metadata or {}), _CHECK: _hash(as_read, table.num_rows)}
    return _write(table.replace_schema_metadata(metadata))


def _write(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def read_parquet(filesystem: fs.FileSystem, path: str, place: str, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file as a table.

    Args:
        filesystem: where it is.
        path: its path there.
        place: its URI, for messages.
        columns: which to read; all if unset.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: it is not as it was written.
        OSError: the storage cannot be reached.
    """
    try:
        return _parse(filesystem.open_input_file(path), columns)
    except FileNotFoundError:
        raise
    except Exception as error:  # pyarrow raises OSError for a wrong checksum as for a storage that does not answer
        with filesystem.open_input_stream(path) as stream:
            content = stream.read()
        try:
            return _parse(pa.BufferReader(content), columns)
        except Exception:
            raise damaged(place, one_line(error) if content else "it is empty") from error


def _parse(source: pa.NativeFile, columns: list[str] | None) -> pa.Table:
    with pq.ParquetFile(source, pre_buffer=True, page_checksum_verification=True) as file:
        schema, metadata = file.schema_arrow, dict(file.schema_arrow.metadata or {})
        twice = dict(file.metadata.metadata or {})
        if twice.pop(_ARROW, None) is None or twice != metadata:
            raise ValueError("its metadata has changed")
        check = metadata.pop(_CHECK, None)
        if check is not None and check != _hash(schema.with_metadata(metadata), file.metadata.num_rows):
            raise ValueError("the names or types of its columns have changed")
        if missing := set(columns or ()) - set(schema.names):
            raise ValueError(f"it has no column {', '.join(sorted(missing))}")
        table = file.read(columns=columns, use_threads=False)
    table.validate()
    return table.replace_schema_metadata(metadata or None)


def _hash(schema: pa.Schema, rows: int) -> bytes:
    metadata = sorted((schema.metadata or {}).items())
    return hashlib.sha256(repr((str(schema.remove_metadata()), metadata, rows)).encode()).hexdigest()[:16].encode()
