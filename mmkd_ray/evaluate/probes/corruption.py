"""Test images under the 15 corruptions of ImageNet-C (Hendrycks and Dietterich 2019, arXiv 1903.12261)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from mmkd_ray.config import EvaluateConfig, ProbeKind
from mmkd_ray.data.corruptions import CORRUPTIONS, VERSION, CorruptionName, corrupt, table_for
from mmkd_ray.evaluate.probes.probe import Probe, Seen, only_test

if TYPE_CHECKING:  # seconds of imports
    import torch

    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student


@dataclass(frozen=True)
class Corruption:
    """See `Probe`. What chance decides is drawn from a seed of the image, the corruption and its severity."""

    name: str
    kind: ProbeKind = "corruptions"
    shared: bool = True

    def severities(self, config: EvaluateConfig) -> tuple[float, ...]:  # noqa: ARG002 (of a `Probe`)
        """1 to 5."""
        return (1.0, 2.0, 3.0, 4.0, 5.0)

    def facts(self, config: EvaluateConfig) -> Mapping[str, Any]:
        """Whose constants, made in which way."""
        return {"corruption_table": config.corruption_table, "version": VERSION}

    def splits(self, held_out: tuple[str, ...]) -> tuple[str, ...]:
        """The test split."""
        return only_test(held_out)

    def seen(self, images: Pixels, severity: float, student: Student | None, config: EvaluateConfig) -> Seen:  # noqa: ARG002
        """The images, corrupted batch by batch."""
        chosen = config.corruption_table
        table = table_for(images.images_M3SS.shape[-1]) if chosen == "auto" else chosen
        return Seen(
            images.image_ids,
            images.splits,
            images.labels_N,
            lambda size: self._batches(images, int(severity), table, size),
        )

    def _batches(
        self, images: Pixels, severity: int, table: Literal["imagenet", "tiny"], size: int
    ) -> Iterator[torch.Tensor]:
        import torch  # noqa: PLC0415 (seconds)

        name, first = cast("CorruptionName", self.name), 0
        for batch_B3SS in images.in_batches(size):
            made = []
            for image_id, image_3SS in zip(images.image_ids[first:], batch_B3SS.numpy(), strict=False):
                seed = zlib.crc32(f"{image_id}\0{self.name}\0{severity}".encode())
                image_SS3 = np.ascontiguousarray(image_3SS.transpose(1, 2, 0))
                made.append(corrupt(image_SS3, name, severity, table=table, generator=np.random.default_rng(seed)))
            first += len(made)
            yield torch.from_numpy(np.stack(made).transpose(0, 3, 1, 2).copy())


ALL_CORRUPTIONS: tuple[Probe, ...] = tuple(Corruption(name) for name in CORRUPTIONS)
