"""How much Ray Data may read ahead of the engines."""

from __future__ import annotations

import pyarrow.parquet as pq

from mmkd_ray.artifacts import Folder

_BATCHES = 8
"""Batches of images for each engine in the object store: two that it has, and enough that it never waits for a file."""
_LEAST = 32 * 2**20


def read_ahead(file: tuple[Folder, str], *, batch_size: int, engines: int) -> int:
    """Bytes of the object store that Ray Data may fill with images.

    Ray Data has a limit of its own, a share of the store: gigabytes on a large machine, so that memory seems to grow
    with the number of images. Measured without inference: 16,000 small images left 78 MiB in the store and 32,000 left
    131; with a limit of 16 MiB 16,000 left 21, and were done as fast.

    Args:
        file: one of the image table, by folder and name: its images are taken to be as large as all others.
        batch_size: images.
        engines: in the pool.
    """
    folder, name = file
    path = f"{folder.path}/{name}"
    rows = pq.read_metadata(path, filesystem=folder.filesystem).num_rows
    image = folder.filesystem.get_file_info(path).size / max(rows, 1)
    return max(_LEAST, int(_BATCHES * engines * batch_size * image))
