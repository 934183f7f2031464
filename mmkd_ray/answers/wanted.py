"""The cells that must be there, and finding images in tables by what they are, a million at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64, UInt64

from mmkd_ray.answers.identity import SPLITS
from mmkd_ray.answers.query import Query
from mmkd_ray.artifacts import Run
from mmkd_ray.data.subjects import IMAGES, Subjects
from mmkd_ray.data.table import read_splits

ROWS_A_PART = 65_536
"""Rows that are in memory at a time, and in one file of a table."""


def keys_of(table: pa.Table) -> UInt64[np.ndarray, " N"]:
    """A key for each row's image: of its `image_id` and the `sha256` of its content, the same in every process.

    It has 64 bits: among a million images, two share one with a probability of 3e-8. Texts become Python's only a part
    at a time.
    """
    parts = [np.empty(0, np.uint64)]
    for batch in table.select(["image_id", "sha256"]).to_batches(max_chunksize=ROWS_A_PART):
        rows = zip(batch["image_id"].to_pylist(), batch["sha256"].to_pylist(), strict=True)
        digests = (blake2b(f"{image_id}\0{sha256}".encode(), digest_size=8).digest() for image_id, sha256 in rows)
        parts.append(np.frombuffer(b"".join(digests), np.uint64))
    return np.concatenate(parts)


@dataclass(frozen=True)
class ImageIndex:
    """Which row an image has; shared between processes without a copy, as it is two arrays."""

    keys_N: UInt64[np.ndarray, " N"]
    """Sorted."""
    rows_N: Int64[np.ndarray, " N"]
    """The row of each key."""

    @classmethod
    def of(cls, keys_N: UInt64[np.ndarray, " N"]) -> ImageIndex:
        """The index of images in the order of their rows."""
        order_N = np.argsort(keys_N, kind="stable")
        return cls(keys_N[order_N], order_N)

    def find(self, table: pa.Table) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
        """Of a table's rows, those whose image is in the index, with unchanged content: (row there, row here)."""
        keys = keys_of(table)
        if not len(self.keys_N):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        place = np.minimum(np.searchsorted(self.keys_N, keys), len(self.keys_N) - 1)
        there_K = np.flatnonzero(self.keys_N[place] == keys)
        return there_K, self.rows_N[place[there_K]]


@dataclass(frozen=True)
class Wanted:
    """Cells that must be there: N subjects, and Q queries about each."""

    images: pa.Table
    """`image_id`, `sha256` of the content of each subject."""
    queries: tuple[Query, ...]
    subjects: Subjects = IMAGES
    """What the subjects are."""

    def __len__(self) -> int:
        """N."""
        return self.images.num_rows

    @cached_property
    def keys(self) -> UInt64[np.ndarray, " N"]:
        """The key of each image."""
        return keys_of(self.images)

    @cached_property
    def index(self) -> ImageIndex:
        """The row of each image."""
        return ImageIndex.of(self.keys)

    @property
    def image_ids(self) -> list[str]:
        """The ids in the order of the rows."""
        return self.images["image_id"].to_pylist()

    def columns_of(self, queries: Sequence[Query]) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
        """Of a file's queries, those that are wanted: (column there, column here)."""
        column = {query: here for here, query in enumerate(self.queries)}
        pairs = [(there, column[query]) for there, query in enumerate(queries) if query in column]
        pairs_K2 = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return pairs_K2[:, 0], pairs_K2[:, 1]

    def without(self, image_ids: Collection[str]) -> Wanted:
        """The same without some images."""
        if not image_ids:
            return self
        out = pc.is_in(self.images["image_id"], value_set=pa.array(list(image_ids), pa.string()))  # pyrefly: ignore[missing-attribute]
        return replace(self, images=self.images.filter(pc.invert(out)))  # pyrefly: ignore[missing-attribute]


def wanted_cells(run: Run, queries: Iterable[Query | str], subjects: Subjects = IMAGES) -> Wanted:
    """Every subject of the images of the splits that the teacher is asked about, with these queries."""
    rows = subjects.rows(read_splits(run, SPLITS, columns=subjects.columns))
    return Wanted(rows.select(["image_id", "sha256"]), tuple(Query.of(query) for query in queries), subjects)
