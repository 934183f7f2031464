"""The image table of a run: what its record says, and its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder, Run, damaged
from mmkd_ray.config import Config
from mmkd_ray.data.encoded import encoded_images
from mmkd_ray.data.origin import require_origin
from mmkd_ray.identity import identify, settings

NOT_IMAGES = {"path", "root", "classes", "download", "store", "fit"}
"""Keys of `data` that say where images are and how they come here, are kept or are seen, not which they are."""
_SPREAD_FILES = 16
"""Files that some images of a split are taken from: of a large table not all are read."""


def require_images(config: Config, run: Run) -> dict[str, Any]:
    """The record of the image table of this configuration; the source itself need not be in reach any more.

    Raises:
        ArtifactError: there is none, or it was made with other settings or from another source.
    """
    require_origin(config, run)
    return run.require(run.images, "images", settings=settings_identity(config))


def settings_identity(config: Config) -> str:
    """Key of what the configuration says about the images, without where they are, how they come there and are seen."""
    return identify("image settings", **settings(config.data, exclude=NOT_IMAGES)).key


def split_folders(run: Run, splits: Iterable[str] | None = None) -> list[Folder]:
    """The folders of Parquet files of some splits, or of all; a split without images has none."""
    table = run.images.child("table")
    present = table.names()
    return [table.child(split) for split in (present if splits is None else splits) if split in present]


def read_splits(run: Run, splits: Iterable[str] | None = None, columns: list[str] | None = None) -> pa.Table:
    """Rows of the image table, of some splits or of all, in the table's own order.

    Raises:
        DamagedError: a file is not as it was written, or is gone.
    """
    images = run.images
    expected = (images.record() or {}).get("images", {})
    there = sorted({*expected, *images.child("table").names()})
    tables = []
    for split in there if splits is None else [split for split in splits if split in there]:
        tables.append(images.child("table", split).read_table(columns=columns))
        check_count(images, split, tables[-1].num_rows, expected.get(split, tables[-1].num_rows))
    return pa.concat_tables(tables) if tables else schema.IMAGES.empty_table().select(columns or schema.IMAGES.names)


def check_count(images: Folder, split: str, found: int, expected: int) -> None:
    """Compare the number of a split's images with what the table's record says.

    Raises:
        DamagedError: it is another.
    """
    if found != expected:
        reason = f"split '{split}': it has {found:,} images in place of {expected:,}"
        raise damaged(images.place(f"table/{split}"), reason)


def spread_images(run: Run, split: str, count: int) -> tuple[list[str], list[bytes]]:
    """Ids and encoded images of some rows of a split, from all over it: its images may lie class after class.

    Args:
        run: with its image table.
        split: which.
        count: how many, or all that there are.

    Raises:
        DamagedError, DataError: see `encoded_images`.
    """
    files = [(folder, name) for folder in split_folders(run, [split]) for name in folder.tables()]
    files = [files[place] for place in _spread(len(files), _SPREAD_FILES)]
    counts = [folder.read_table(name, ["image_id"]).num_rows for folder, name in files]
    chosen = _spread(sum(counts), count)
    ids, images, first = [], [], 0
    for (folder, name), rows_there in zip(files, counts, strict=True):
        rows = [place - first for place in chosen if first <= place < first + rows_there]
        table = folder.read_table(name, ["image_id", "image", "sha256"]).take(pa.array(rows, pa.int64()))
        ids += table["image_id"].to_pylist()
        images += encoded_images(run, table)
        first += rows_there
    return ids, images


def _spread(there: int, wanted: int) -> list[int]:
    """So many places out of those that there are, at even distances."""
    return [place * there // wanted for place in range(wanted)] if wanted < there else list(range(there))


def check_files(run: Run, splits: Iterable[str] | None = None) -> None:
    """Read all files of some splits, or of all, and compare every image with its hash, a few files at a time.

    Raises:
        DamagedError: a file or an image is not as it was written.
        DataError: see `encoded_images`.
    """
    for folder in split_folders(run, splits):
        for _, table in folder.read_tables(folder.tables()):
            encoded_images(run, table)


def labels_of(table: pa.Table) -> np.ndarray:
    """The `label` column as an int64 array [N]."""
    return table["label"].to_numpy().astype(np.int64)
