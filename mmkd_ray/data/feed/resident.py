"""Rows of the image table as pixels in memory, ready for a student."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from mmkd_ray.artifacts import Run
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.table import check_content, labels_of, read_splits

_RESAMPLING = {name.lower(): Image.Resampling[name] for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS")}


@dataclass(frozen=True)
class Pixels:
    """N decoded images of some splits."""

    image_ids: list[str]
    splits: list[str]
    labels_N: Int64[Tensor, " N"]
    images_N3SS: UInt8[Tensor, "N 3 S S"]

    def __len__(self) -> int:
        """N."""
        return len(self.image_ids)

    def subset(self, rows: Sequence[int]) -> Pixels:
        """Some of the images, in the order of `rows`."""
        return Pixels(
            image_ids=[self.image_ids[row] for row in rows],
            splits=[self.splits[row] for row in rows],
            labels_N=self.labels_N[list(rows)],
            images_N3SS=self.images_N3SS[list(rows)],
        )


def load_pixels(run: Run, splits: Iterable[str], *, size: int, interpolation: str = "bicubic") -> Pixels:
    """Decode all images of some splits once: shorter side to `size` pixels, then a square centre crop.

    Args:
        run: with its image table.
        splits: which images.
        size: S.
        interpolation: Pillow's name of a resampling filter, in lower case.

    Raises:
        DamagedError: an image is not as it was when the table was made.
    """
    table = read_splits(run, splits)
    check_content(run, table)
    images = np.empty((table.num_rows, 3, size, size), dtype=np.uint8)
    for row, encoded in enumerate(table["image"]):
        images[row] = square(decode_rgb(encoded.as_py()), size, interpolation).transpose(2, 0, 1)
    return Pixels(
        image_ids=table["image_id"].to_pylist(),
        splits=table["split"].to_pylist(),
        labels_N=torch.from_numpy(labels_of(table)),
        images_N3SS=torch.from_numpy(images),
    )


def square(image: Image.Image, size: int, interpolation: str) -> UInt8[np.ndarray, "S S 3"]:
    """An RGB image with its shorter side resized to `size` pixels and its centre cut to a square."""
    side = min(image.size)
    if image.size != (size, size):
        left, top = (image.width - side) / 2, (image.height - side) / 2
        image = image.resize(
            (size, size), _RESAMPLING[interpolation], box=(left, top, left + side, top + side), reducing_gap=3.0
        )
    return np.asarray(image)
