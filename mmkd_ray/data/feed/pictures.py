"""Where the pictures of a feed come from: a file of decoded ones, or of encoded ones that are decoded when needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from mmkd_ray.artifacts import Run
from mmkd_ray.data.decode import decode_rgb, upright_size
from mmkd_ray.data.encoded import encoded_images
from mmkd_ray.data.feed.files import Image, ImageFile, image_file
from mmkd_ray.data.fit import Fit
from mmkd_ray.data.table import split_folders
from mmkd_ray.identity import fingerprint

_AT_A_TIME = 16
"""Images of a thread that are in memory before they are written."""

Made = TypeVar("Made")


class Pictures(Protocol):
    """N pictures; another process can be given it."""

    def picture(self, place: int) -> UInt8[Tensor, "3 H W"]:
        """One of them; not to be changed."""
        ...

    def expect(self, places: Sequence[int]) -> None:
        """Say which will be asked for next."""
        ...


@dataclass(frozen=True)
class MappedPictures:
    """Pictures that were decoded and resized once for this machine."""

    file: ImageFile
    interleaved: bool = False
    """Whether they lie there as [H, W, 3], not as [3, H, W]."""

    def picture(self, place: int) -> UInt8[Tensor, "3 H W"]:
        """See `Pictures`."""
        _, width, height = self.file.index[place].tolist()
        content = torch.from_numpy(self.file.bytes_of(place))
        return content.view(height, width, 3).permute(2, 0, 1) if self.interleaved else content.view(3, height, width)

    def expect(self, places: Sequence[int]) -> None:
        """See `Pictures`."""
        self.file.expect(places)

    def ratios(self) -> Float32[Tensor, " N"]:
        """Width over height of each picture."""
        return _ratios(self.file.index[:, 1:])

    def squares(self) -> UInt8[Tensor, "N 3 S S"] | None:
        """All of them as one tensor, if they are squares of one size and not interleaved."""
        sides = np.unique(self.file.index[:, 1:])
        if len(sides) != 1 or self.interleaved:
            return None
        side = int(sides[0])
        return torch.from_numpy(self.file.content).view(self.file.count, 3, side, side)


@dataclass(frozen=True)
class EncodedPictures:
    """Pictures as they are in the image table, decoded and resized whenever one is taken."""

    file: ImageFile
    fit: Fit

    def picture(self, place: int) -> UInt8[Tensor, "3 H W"]:
        """See `Pictures`."""
        image_HW3 = self.fit(decode_rgb(self.file.bytes_of(place).tobytes()))
        return torch.from_numpy(image_HW3.copy()).permute(2, 0, 1)  # Pillow gives what cannot be written to

    def expect(self, places: Sequence[int]) -> None:
        """See `Pictures`."""
        self.file.expect(places)

    def ratios(self) -> Float32[Tensor, " N"]:
        """Width over height of each picture."""
        return _ratios(np.array([self.fit.shape(*shape) for shape in self.file.index[:, 1:].tolist()]))


def mapped(run: Run, splits: Sequence[str], count: int, fit: Fit, *, interleaved: bool = False) -> MappedPictures:
    """All pictures of some splits, in the order of the image table.

    Args:
        run: with its image table.
        splits: which images.
        count: N, how many they are; at least one.
        fit: how they are resized.
        interleaved: as [H, W, 3], which one picture is faster resized from; many squares at once are not.

    Raises:
        NoRoomError: the file does not fit on the disk.
        DataError: its folder belongs to another user.
        DamagedError: an image is not as it was when the table was made.
    """

    def resized(encoded: bytes) -> Image:
        image_HW3 = fit(decode_rgb(encoded))
        placed = image_HW3 if interleaved else image_HW3.transpose(2, 0, 1)
        return np.ascontiguousarray(placed).data, image_HW3.shape[1], image_HW3.shape[0]

    name = mapped_name(run, splits, fit, interleaved=interleaved)
    file = image_file(name, count, lambda: _each(run, splits, resized), what="decoded images")
    return MappedPictures(file, interleaved)


def mapped_name(run: Run, splits: Sequence[str], fit: Fit, *, interleaved: bool) -> str:
    """Of the file of these pictures, decoded."""
    return f"{_key(run, splits, fit=fit.facts(), interleaved=interleaved)}.u8"


def encoded(run: Run, splits: Sequence[str], count: int, fit: Fit) -> EncodedPictures:
    """The same pictures, decoded when they are needed; arguments and errors as for `mapped`."""

    def as_it_is(content: bytes) -> Image:
        return content, *upright_size(content)

    name = f"{_key(run, splits)}.encoded"
    return EncodedPictures(image_file(name, count, lambda: _each(run, splits, as_it_is), what="encoded images"), fit)


def _key(run: Run, splits: Sequence[str], **facts: Any) -> str:
    images = [run.images.uri, run.require(run.images, "images")["digest"]]
    return fingerprint(images=images, splits=list(splits), **facts)


def _each(run: Run, splits: Iterable[str], make: Callable[[bytes], Made]) -> Iterator[list[Made]]:
    """What `make` makes of each image, in order, on all cores that this process may use."""
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as threads:
        for table in _tables(run, splits):
            for start in range(0, len(table), cores * _AT_A_TIME):
                yield list(threads.map(make, encoded_images(run, table.slice(start, cores * _AT_A_TIME))))


def _tables(run: Run, splits: Iterable[str]) -> Iterator[pa.Table]:
    for folder in split_folders(run, splits):
        for _, table in folder.read_tables(folder.names(), ["image_id", "image", "sha256"]):
            yield table


def _ratios(shapes_N2: np.ndarray) -> Float32[Tensor, " N"]:
    return torch.from_numpy((shapes_N2[:, 0] / shapes_N2[:, 1]).astype(np.float32))
