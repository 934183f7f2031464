"""A student that a replica holds: images are read by threads, and computed batch by batch by one more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.config import ServeConfig
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import DataError, RequestError, TooManyPixelsError
from mmkd_ray.serve.replies import metadata_of, replies_of
from mmkd_ray.students.bundle import load_bundle

_FOR_DATA_SETS = ", or leave such files out by data.exclude"
"""What a message may end with, which does not help whoever has one picture."""
Square = UInt8[Tensor, "3 S S"]
"""An image as the student takes it."""


class ServedStudent:
    """A student in this process; nothing here waits on the event loop."""

    def __init__(self, place: str, config: ServeConfig) -> None:
        """Read the bundle.

        Args:
            place: of the bundle.
            config: threads, GPUs and limits.

        Raises:
            ArtifactError: there is none, or it is damaged.
        """
        prepare_to_compute(config.cpus_per_replica)
        self._config, self._bundle = config, load_bundle(place)
        if config.gpus_per_replica:
            self._bundle.student.to("cuda")
        self._readers = ThreadPoolExecutor(config.cpus_per_replica, "read")
        self._computer = ThreadPoolExecutor(1, "compute")

    @property
    def metadata(self) -> dict[str, Any]:
        """The public facts of the student, and the limits of requests."""
        return metadata_of(self._bundle.card, self._config)

    async def read(self, images: Sequence[bytes]) -> list[Square]:
        """Decode and resize the images of a request.

        Raises:
            RequestError: one cannot be read or is too large; the message says which, counted from 0.
        """
        loop = asyncio.get_running_loop()
        places = range(len(images))
        return list(
            await asyncio.gather(*(loop.run_in_executor(self._readers, self._read, images[n], n) for n in places))
        )

    async def compute(self, squares: Sequence[Square]) -> list[dict[str, Any]]:
        """The reply for each image of a batch."""
        return await asyncio.get_running_loop().run_in_executor(self._computer, self._compute, squares)

    def _read(self, image: bytes, place: int) -> Square:
        try:
            return self._bundle.pixels([decode_rgb(image, max_pixels=self._config.max_pixels)])[0]
        except DataError as error:
            status = 413 if isinstance(error, TooManyPixelsError) else 400
            raise RequestError(status, f"image {place}: {str(error).removesuffix(_FOR_DATA_SETS)}") from error

    def _compute(self, squares: Sequence[Square]) -> list[dict[str, Any]]:
        said = self._bundle.predict_pixels(torch.stack(list(squares)))
        return replies_of(self._bundle.card, said, top_classes=self._config.top_classes)
