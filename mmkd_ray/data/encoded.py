"""The encoded images of an image table, which holds them or their places: the one way to their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pyarrow as pa

from mmkd_ray.artifacts import Folder, Run, damaged
from mmkd_ray.data.sources.base import BadImage, Item
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.errors import DataError

_READERS = 16
"""Files read at a time: object stores answer slowly, and many at once."""


def encoded_images(run: Run, table: pa.Table) -> list[bytes]:
    """The encoded images of some rows of an image table, in order, each compared with the hash that it had.

    Args:
        run: whose image table they are from, for messages.
        table: with the columns `image_id`, `image` and `sha256`.

    Raises:
        DamagedError: the image table itself holds other bytes than those that it was made with.
        DataError: it holds places (`data.store: path`), and a file is gone or is not as it was.
    """
    ids, hashes = table["image_id"].to_pylist(), table["sha256"].to_pylist()
    if holds_places(table.schema):
        reader = cache(lambda folder: FileReader(Folder.at(folder)))
        with ThreadPoolExecutor(_READERS) as pool:
            return list(pool.map(lambda place, sha: _read(reader, place, sha), table["image"].to_pylist(), hashes))
    found: list[bytes] = table["image"].to_pylist()
    for image_id, image, sha256 in zip(ids, found, hashes, strict=True):
        if sha256_of(image) != sha256:
            raise damaged(f"{run.images.uri}/table", f"image '{image_id}' has other bytes than it had")
    return found


def holds_places(columns: pa.Schema) -> bool:
    """Whether an image table says where its images lie (`schema.PLACE`), in place of holding them."""
    return pa.types.is_struct(columns.field("image").type)


def sha256_of(image: bytes) -> str:
    """What the column `sha256` holds."""
    return hashlib.sha256(image).hexdigest()


def _read(reader: Callable[[str], FileReader], place: Mapping[str, Any], sha256: str) -> bytes:
    files = reader(place["folder"])
    found = next(files.read([Item(place["path"], 0, "", "")]))
    if isinstance(found, BadImage):
        problem = found.reason
    elif sha256_of(found) != sha256:
        problem = f"it is another than when the image table was made ({place['size']:,} bytes, now {len(found):,})"
    else:
        return found
    raise DataError(
        f"'{files.place(place['path'])}': {problem}; with data.store: path the run needs its files as they were: put "
        "it back, or run `mmkd images CONFIG` again, which reads what has changed"
    )
