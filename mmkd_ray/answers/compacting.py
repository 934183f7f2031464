"""Many small files of answers into few: what every plan opens."""

from __future__ import annotations

import json

import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.store import BATCH, MERGED, AnswerStore, StoredFile
from mmkd_ray.answers.wanted import ROWS_A_PART
from mmkd_ray.identity import fingerprint

_LARGE = 2 * 2**20
"""Merged files of so many bytes are left as they are."""


def compact(store: AnswerStore) -> None:
    """Merge the run's own small files, those of the same queries, into files of about `ROWS_A_PART` rows.

    A run merges what it has written itself, under its own name, so no two runs ever merge the same files. A merged file
    is whole and names those that it replaces before they are deleted: who reads at any moment, or after a crash at any
    moment, finds each cell, and counts it once. Rows are in the order in which they were asked, which is about that of
    the image table: so a part of the table is in few files.
    """
    sizes = store.folder.sizes()
    prefixes = tuple(store.prefix(kind) for kind in (BATCH, MERGED))
    # In the order of time. What follows the prefix has no dash: `part-a-` also begins the names of a run `a-b`.
    ours = [name for name in store.names() if name.startswith(prefixes) and "-" not in _tail(name, store)]
    names = [name for name in sizes if name in set(ours)]
    merged = [name for name in names if name.startswith(MERGED)]
    _finish_interrupted(store, merged)
    small = [name for name in names if name not in merged or sizes[name] < _LARGE]
    waiting: dict[tuple[Query, ...], list[StoredFile]] = {}
    for file in store.read(small):
        files = waiting.setdefault(file.queries, [])
        files.append(file)
        if sum(one.table.num_rows for one in files) >= ROWS_A_PART:
            _merge(store, waiting.pop(file.queries))
    for files in waiting.values():
        _merge(store, files)


def _tail(name: str, store: AnswerStore) -> str:
    return name[len(store.prefix(name.partition("-")[0])) :]


def _finish_interrupted(store: AnswerStore, merged: list[str]) -> None:
    """Delete what was merged when a crash came before the deletion."""
    for file in store.read(merged, ["image_id"]):
        _delete(store, file.replaces)


def _merge(store: AnswerStore, files: list[StoredFile]) -> None:
    if len(files) < 2:
        return
    names = [file.name for file in files]
    whole = pa.concat_tables([file.table for file in files]).combine_chunks()
    metadata = {**files[0].table.schema.metadata, schema.REPLACES: json.dumps(names)}
    name = store.named(MERGED, fingerprint(files=names))
    store.folder.write_table(name, whole.replace_schema_metadata(metadata))
    _delete(store, names)


def _delete(store: AnswerStore, names: list[str] | tuple[str, ...]) -> None:
    for name in names:
        store.folder.delete_file(name)
