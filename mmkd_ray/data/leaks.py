"""What splits share with training, the same bytes and the same objects: counted and listed for every image table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import UInt64

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder
from mmkd_ray.data.duplicates import DUPLICATES, find_duplicates

SHARED_GROUPS = "shared_groups.parquet"
"""Beside the image table where objects are known: every image whose object is shown in training and in another split,
object by object."""
_COLUMNS = ["sha256", "image_id", "split", "class_name"]
_NO_ROWS = schema.IMAGES.empty_table().select(_COLUMNS)
_NOTHING_NEW = "results on them are no test of anything new"


def list_leaks(folder: Folder, splits: Collection[str], *, has_objects: bool) -> dict[str, Any]:
    """Look for them, and list them beside the image table.

    Args:
        folder: of the image table, all of whose rows are written.
        splits: that have images.
        has_objects: whether the table has the column `group`, and it says which object an image shows.

    Returns:
        For its record: `duplicates` (see `find_duplicates`, and `in_train`: for each split but train, the number of its
        images whose bytes are in train), and with objects `in_train_by_group` (likewise, whose object is in train).
    """
    repeated = _repeated(folder, splits)
    counts, rows = find_duplicates(repeated)
    folder.write_table(DUPLICATES, rows)
    found: dict[str, Any] = {"duplicates": {**counts, "in_train": count_in_train(repeated, "sha256", splits)}}
    if has_objects:
        images = pa.concat_tables(_tables(folder, splits, [*_COLUMNS, "group"]))
        found["in_train_by_group"] = count_in_train(images, "group", splits)
        folder.write_table(SHARED_GROUPS, _shared_groups(images))
    return found


def count_in_train(images: pa.Table, key: str, splits: Iterable[str]) -> dict[str, int]:
    """For each split but train, how many of its images have a value that an image of train has, too.

    Args:
        images: with the columns `split` and `key`.
        key: the column; missing values are equal to nothing.
        splits: all that there are.
    """
    others = images.filter(pc.field("split") != "train")
    shared = others.filter(pc.field(key).isin(_in_train(images, key)))["split"].to_pylist()
    return {split: shared.count(split) for split in splits if split != "train"}


def _tables(folder: Folder, splits: Iterable[str], columns: list[str]) -> Iterator[pa.Table]:
    """The rows of an image table, a file at a time."""
    for split in splits:
        place = folder.child("table", split)
        for _, table in place.read_tables(place.tables(), columns):
            yield table


def _repeated(folder: Folder, splits: Collection[str]) -> pa.Table:
    """The rows of images whose bytes occur more than once, which are few; eight bytes of each other one in memory."""
    keys = np.concatenate([_keys(table) for table in _tables(folder, splits, ["sha256"])])
    values, counts = np.unique(keys, return_counts=True)
    more_than_once = values[counts > 1]
    del keys, values, counts
    if not len(more_than_once):
        return _NO_ROWS
    rows = _tables(folder, splits, _COLUMNS)
    return pa.concat_tables([table.filter(pa.array(np.isin(_keys(table), more_than_once))) for table in rows])


def _keys(table: pa.Table) -> UInt64[np.ndarray, " N"]:
    """The first eight bytes of each hash: images with different ones are different."""
    return np.array([int(sha256[:16], 16) for sha256 in table["sha256"].to_pylist()], np.uint64)


def leak_lines(record: Mapping[str, Any], folder: Folder) -> list[str]:
    """What to tell a person about them; nothing if there are none.

    Args:
        record: of the image table.
        folder: of the image table.
    """
    duplicates, sizes, told = record.get("duplicates", {}), record["images"], []
    if count := duplicates.get("across_splits"):
        where = _by_split(duplicates.get("in_train", {}), sizes)
        told.append(
            f"{_pictures(count)} in more than one split, byte for byte{f' ({where} in train)' if where else ''}: "
            f"{_NOTHING_NEW}; listed in {folder.uri}/{DUPLICATES}"
        )
    if count := duplicates.get("across_classes"):
        told.append(
            f"{_pictures(count)} in more than one class, byte for byte: at most one of their labels can be right; "
            f"listed in {folder.uri}/{DUPLICATES}"
        )
    if where := _by_split(record.get("in_train_by_group", {}), sizes):
        told.append(f"images whose object is in train: {where}; {_NOTHING_NEW}; listed in {folder.uri}/{SHARED_GROUPS}")
    return told


def _shared_groups(images: pa.Table) -> pa.Table:
    """The images of objects that are shown in train and in another split, object by object."""
    shown = images.filter(pc.field("split") != "train").filter(pc.field("group").isin(_in_train(images, "group")))
    rows = images.filter(pc.field("group").isin(shown["group"].unique()))
    return rows.sort_by([(key, "ascending") for key in ("group", "split", "class_name", "image_id")])


def _in_train(images: pa.Table, key: str) -> pa.Array:
    return images.filter(pc.field("split") == "train")[key].unique().drop_null()


def _pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"


def _by_split(counts: Mapping[str, int], sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {sizes[split]:,} {split} images" for split, count in counts.items() if count)
