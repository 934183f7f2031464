"""CIFAR-10 and CIFAR-100, whose images are arrays, as an image source."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mmkd_ray.config import TorchvisionData
from mmkd_ray.data.sources.base import Item
from mmkd_ray.data.sources.files import FileSource, ImageFile
from mmkd_ray.data.sources.listing import Found
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.data.sources.torchvision_sets import open_splits

_ENCODED = 2500
"""Bytes of an image as PNG, about."""


@dataclass(frozen=True)
class CifarReader:
    """Encodes images as PNG, which loses nothing; each node reads torchvision's files itself."""

    config: TorchvisionData

    def read(self, items: Sequence[Item]) -> Iterator[bytes]:
        """The PNG of each."""
        arrays = _arrays(self.config)
        for item in items:
            split, row = item.place
            stream = io.BytesIO()
            Image.fromarray(arrays[split][row]).save(stream, "PNG")
            yield stream.getvalue()


class CifarSource(FileSource):
    """The images in the order of torchvision's class; an image's id is its split and number there.

    torchvision compares its files, which are pickles, with the published checksums before it reads them: so they are no
    untrusted input, and there is one content that an identity must know, whose name is in the settings.
    """

    def __init__(self, config: TorchvisionData) -> None:
        """Read torchvision's files.

        Raises:
            DataError: they are not there, or not as they were published.
        """
        _, datasets, class_names = open_splits(config)
        config = config.model_copy(update={"download": False})
        files = [
            ImageFile(Found(f"{split}/{row:05d}.png", size=_ENCODED), split, class_names[label], place=(split, row))
            for split, dataset in datasets.items()
            for row, label in enumerate(dataset.targets)
        ]
        files = cut_missing(files, {"val": config.val_fraction}, group=config.group, seed=config.split_seed)
        super().__init__(CifarReader(config), files, class_names, path=config.path)


@lru_cache(maxsize=1)
def _arrays(config: TorchvisionData) -> dict[str, UInt8[np.ndarray, "N H W 3"]]:
    """The pixels of each split, read once by a process."""
    return {split: dataset.data for split, dataset in open_splits(config)[1].items()}
