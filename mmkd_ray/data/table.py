"""The image table of a run: what its record says, and its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder, Run, damaged
from mmkd_ray.config import Config
from mmkd_ray.data.origin import require_origin
from mmkd_ray.identity import identify, settings


def require_images(config: Config, run: Run) -> dict[str, Any]:
    """The record of the image table of this configuration; the source itself need not be in reach any more.

    Raises:
        ArtifactError: there is none, or it was made with other settings or from another source.
    """
    require_origin(config, run)
    return run.require(run.images, "images", settings=settings_identity(config))


def settings_identity(config: Config) -> str:
    """Key of what the configuration says about the images, without where they are and how they come there."""
    return identify("image settings", **settings(config.data, exclude={"path", "root", "classes", "download"})).key


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


def check_files(run: Run, splits: Iterable[str] | None = None) -> None:
    """Read all files of some splits, or of all, and compare every image with its hash, a few files at a time.

    Raises:
        DamagedError: a file or an image is not as it was written.
    """
    for folder in split_folders(run, splits):
        for _, table in folder.read_tables(folder.tables()):
            check_content(run, table)


def check_content(run: Run, table: pa.Table) -> None:
    """Compare images with their hashes, before anybody looks at them.

    Args:
        run: whose image table they are from.
        table: with the columns `image_id`, `image` and `sha256`.

    Raises:
        DamagedError: one is not as it was when the table was made.
    """
    for image_id, image, sha256 in zip(table["image_id"], table["image"], table["sha256"], strict=True):
        if not is_unchanged(image, sha256):
            raise damaged(f"{run.images.uri}/table", f"image '{image_id}' has other bytes than it had")


def is_unchanged(image: pa.BinaryScalar, sha256: pa.StringScalar) -> bool:
    """Whether an image has the hash that it had when the table was made."""
    return hashlib.sha256(image.as_buffer()).hexdigest() == sha256.as_py()


def labels_of(table: pa.Table) -> np.ndarray:
    """The `label` column as an int64 array [N]."""
    return table["label"].to_numpy().astype(np.int64)
