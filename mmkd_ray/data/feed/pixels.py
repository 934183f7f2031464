"""Rows of the image table as pixels, ready for a student."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from mmkd_ray.artifacts import Run
from mmkd_ray.data.feed.pictures import EncodedPictures, MappedPictures, Pictures, encoded, mapped
from mmkd_ray.data.fit import Fit
from mmkd_ray.data.table import labels_of, read_splits
from mmkd_ray.errors import NoRoomError


@dataclass(frozen=True)
class Pixels:
    """N images as squares of one size: what students are measured on, and, where all are squares, trained on."""

    image_ids: list[str]
    splits: list[str]
    labels_N: Int64[Tensor, " N"]
    images_M3SS: UInt8[Tensor, "M 3 S S"]
    """N of these M images are meant: all, or those that `rows_N` names."""
    rows_N: Int64[Tensor, " N"] | None = None

    ratios_N: None = None
    """Width over height: all are squares."""

    def __len__(self) -> int:
        """N."""
        return len(self.image_ids)

    @property
    def pictures(self) -> Pictures:
        """All there are, for another process."""
        return self

    def picture(self, place: int) -> UInt8[Tensor, "3 S S"]:
        """See `Pictures`."""
        return self.images_M3SS[place]

    def expect(self, places: Sequence[int]) -> None:
        """See `Pictures`: squares are small."""

    def places(self, rows_B: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Of some rows, among all pictures."""
        return rows_B if self.rows_N is None else self.rows_N[rows_B]

    def take(self, rows_B: Int64[Tensor, " B"]) -> UInt8[Tensor, "B 3 S S"]:
        """Some of the images, copied."""
        return self.images_M3SS[self.places(rows_B)]

    def in_batches(self, size: int) -> Iterator[UInt8[Tensor, "B 3 S S"]]:
        """All images, in order."""
        for rows_B in torch.arange(len(self)).split(size):
            yield self.take(rows_B)

    def subset(self, rows: Sequence[int]) -> Pixels:
        """Some of the images, in the order of `rows`; their pixels are not copied."""
        return _subset(self, rows)


@dataclass(frozen=True)
class PictureFeed:
    """N images of any shapes to train on."""

    image_ids: list[str]
    splits: list[str]
    labels_N: Int64[Tensor, " N"]
    pictures: Pictures
    """All there are, for another process."""
    rows_N: Int64[Tensor, " N"]
    """Places of these among all."""
    ratios_N: Float[Tensor, " N"]
    """Width over height of each."""

    def __len__(self) -> int:
        """N."""
        return len(self.image_ids)

    def places(self, rows_B: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Of some rows, among all pictures."""
        return self.rows_N[rows_B]

    def subset(self, rows: Sequence[int]) -> PictureFeed:
        """Some of the images, in the order of `rows`."""
        return replace(_subset(self, rows), ratios_N=self.ratios_N[torch.tensor(rows, dtype=torch.int64)])


Feed = Pixels | PictureFeed
"""Images to train on, in the order of the image table, however they are held."""
Images = TypeVar("Images", Pixels, PictureFeed)


def _subset(images: Images, rows: Sequence[int]) -> Images:
    rows_K = torch.tensor(rows, dtype=torch.int64)
    return replace(
        images,
        image_ids=[images.image_ids[row] for row in rows],
        splits=[images.splits[row] for row in rows],
        labels_N=images.labels_N[rows_K],
        rows_N=images.places(rows_K),
    )


def load_pixels(run: Run, splits: Sequence[str], fit: Fit) -> Pixels:
    """The images of some splits as squares, with labels.

    Args:
        run: with its image table.
        splits: which images.
        fit: makes squares of them.

    Raises:
        DataError, DamagedError: as for `mapped`.
    """
    ids, of, labels_N = _rows(run, splits)
    images = torch.empty((0, 3, fit.size or 0, fit.size or 0), dtype=torch.uint8)
    if ids:
        squares = mapped(run, splits, len(ids), fit).squares()
        assert squares is not None, "this fit makes squares of one size"
        images = squares
    return Pixels(ids, of, labels_N, images)


def load_feed(
    run: Run,
    splits: Sequence[str],
    fit: Fit,
    *,
    how: Literal["auto", "mapped", "encoded"] = "auto",
    batched: bool = True,
) -> Feed:
    """The images of some splits to train on.

    Args:
        run: with its image table.
        splits: which images, at least one.
        fit: how they are resized before views are taken of them.
        how: `ClusterConfig.feed`.
        batched: whether views of many squares are taken at once: then squares of one size come as `Pixels`.

    Raises:
        DataError, DamagedError: as for `mapped`.
    """
    ids, of, labels_N = _rows(run, splits)
    pictures = _open(run, splits, len(ids), fit, how, interleaved=not batched)
    if batched and isinstance(pictures, MappedPictures) and (squares := pictures.squares()) is not None:
        return Pixels(ids, of, labels_N, squares)
    return PictureFeed(ids, of, labels_N, pictures, torch.arange(len(ids)), pictures.ratios())


def _open(
    run: Run, splits: Sequence[str], count: int, fit: Fit, how: str, *, interleaved: bool
) -> MappedPictures | EncodedPictures:
    if how != "encoded":
        try:
            return mapped(run, splits, count, fit, interleaved=interleaved)
        except NoRoomError:
            if how == "mapped":
                raise
    return encoded(run, splits, count, fit)


def _rows(run: Run, splits: Sequence[str]) -> tuple[list[str], list[str], Int64[Tensor, " N"]]:
    table = read_splits(run, splits, columns=["image_id", "split", "label"])
    return table["image_id"].to_pylist(), table["split"].to_pylist(), torch.from_numpy(labels_of(table))
