"""Rows of the image table as pixels, ready for a student."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from mmkd_ray.artifacts import Run
from mmkd_ray.data.feed.decoded import decoded
from mmkd_ray.data.table import labels_of, read_splits


@dataclass(frozen=True)
class Pixels:
    """N decoded images of some splits."""

    image_ids: list[str]
    splits: list[str]
    labels_N: Int64[Tensor, " N"]
    images_M3SS: UInt8[Tensor, "M 3 S S"]
    """N of these M images are meant: all, or those that `rows_N` names."""
    rows_N: Int64[Tensor, " N"] | None = None

    def __len__(self) -> int:
        """N."""
        return len(self.image_ids)

    def take(self, rows_B: Int64[Tensor, " B"]) -> UInt8[Tensor, "B 3 S S"]:
        """Some of the images, copied."""
        return self.images_M3SS[rows_B if self.rows_N is None else self.rows_N[rows_B]]

    def in_batches(self, size: int) -> Iterator[UInt8[Tensor, "B 3 S S"]]:
        """All images, in order."""
        for rows_B in torch.arange(len(self)).split(size):
            yield self.take(rows_B)

    def subset(self, rows: Sequence[int]) -> Pixels:
        """Some of the images, in the order of `rows`; their pixels are not copied."""
        rows_K = torch.tensor(rows, dtype=torch.int64)
        return Pixels(
            image_ids=[self.image_ids[row] for row in rows],
            splits=[self.splits[row] for row in rows],
            labels_N=self.labels_N[rows_K],
            images_M3SS=self.images_M3SS,
            rows_N=rows_K if self.rows_N is None else self.rows_N[rows_K],
        )


def load_pixels(run: Run, splits: Sequence[str], *, size: int, interpolation: str = "bicubic") -> Pixels:
    """The images of some splits as `decoded` gives them, with labels.

    Args:
        run: with its image table.
        splits: which images.
        size: S.
        interpolation: Pillow's name of a resampling filter, in lower case.

    Raises:
        DataError, DamagedError: as for `decoded`.
    """
    table = read_splits(run, splits, columns=["image_id", "split", "label"])
    images = decoded(run, splits, table.num_rows, size=size, interpolation=interpolation)
    return Pixels(
        image_ids=table["image_id"].to_pylist(),
        splits=table["split"].to_pylist(),
        labels_N=torch.from_numpy(labels_of(table)),
        images_M3SS=torch.from_numpy(images),
    )
