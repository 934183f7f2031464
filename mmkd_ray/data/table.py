"""The image table of a run: what its record says, and its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder, Run
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
    return identify("image settings", **settings(config.data, exclude={"path", "download"})).key


def split_folders(run: Run, splits: Iterable[str] | None = None) -> list[Folder]:
    """The folders of Parquet files of some splits, or of all; a split without images has none."""
    table = run.images.child("table")
    present = table.names()
    return [table.child(split) for split in (present if splits is None else splits) if split in present]


def read_splits(run: Run, splits: Iterable[str] | None = None, columns: list[str] | None = None) -> pa.Table:
    """Rows of the image table, of some splits or of all, in the table's own order."""
    tables = [folder.read_table(columns=columns) for folder in split_folders(run, splits)]
    return pa.concat_tables(tables) if tables else schema.IMAGES.empty_table().select(columns or schema.IMAGES.names)


def labels_of(table: pa.Table) -> np.ndarray:
    """The `label` column as an int64 array [N]."""
    return table["label"].to_numpy().astype(np.int64)
