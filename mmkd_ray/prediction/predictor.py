"""Batches of images become rows: read, decoded, predicted, explained if that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import UInt8

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.fit import Fit
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.errors import DataError
from mmkd_ray.prediction.explaining import explain
from mmkd_ray.prediction.finding import Picture
from mmkd_ray.prediction.rows import make_rows
from mmkd_ray.students.bundle import Bundle

BATCH = 64
"""Images that are predicted together."""
MAX_PIXELS = 250_000_000
"""Larger images are bad ones (decompression bombs): so many take 0.7 GiB when they are decoded."""
_READERS = 16
"""Files read at a time: object stores answer slowly, and many at once."""


class PictureReader:
    """Reads the bytes of pictures; not by several threads at once, since Parquet files are read forwards."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_READERS)

    def __call__(self, pictures: Sequence[Picture]) -> list[bytes | BadImage]:
        """The encoded bytes of each, in order."""
        found: list[bytes | BadImage] = []
        for reader, members in groupby(pictures, key=lambda picture: picture.reader):
            same = list(members)
            if isinstance(reader, FileReader):
                found += self._pool.map(_read_file, same)
            else:
                read = reader.read([picture.item for picture in same if not picture.item.problem])
                found += [_problem(picture) if picture.item.problem else next(read) for picture in same]
        return found


def _read_file(picture: Picture) -> bytes | BadImage:
    return _problem(picture) if picture.item.problem else next(iter(picture.reader.read([picture.item])))


def _problem(picture: Picture) -> BadImage:
    return BadImage(picture.name, picture.item.problem)


def _square(fit: Fit, read: bytes | BadImage) -> UInt8[np.ndarray, "3 S S"] | BadImage:
    """An image as `Bundle.pixels` makes it, but for the limit of its size."""
    if isinstance(read, BadImage):
        return read
    try:
        return fit(decode_rgb(read, max_pixels=MAX_PIXELS)).transpose(2, 0, 1)
    except DataError as error:
        return BadImage("", str(error))


@dataclass(frozen=True)
class Predictor:
    """A student at work; called by several threads at once."""

    bundle: Bundle
    explains: bool
    """Whether rows say why."""

    def __call__(self, pictures: Sequence[Picture], read: Sequence[bytes | BadImage]) -> pa.Table:
        """A row for each picture, in order (see `rows.columns`).

        Args:
            pictures: a batch.
            read: what `PictureReader` gave of them.
        """
        fit = self.bundle.card.picture_fit
        squares: list[UInt8[np.ndarray, "3 S S"]] = []
        reasons: list[str | None] = []
        for one in read:
            square = _square(fit, one)
            reasons.append(square.reason if isinstance(square, BadImage) else None)
            if not isinstance(square, BadImage):
                squares.append(square)
        size = self.bundle.card.image_size
        pixels_N3SS = np.stack(squares) if squares else np.empty((0, 3, size, size), np.uint8)
        prediction = self.bundle.predict_pixels(torch.from_numpy(pixels_N3SS))
        explanations = explain(self.bundle.card, prediction) if self.explains else None
        return make_rows([picture.name for picture in pictures], reasons, prediction, explanations)
