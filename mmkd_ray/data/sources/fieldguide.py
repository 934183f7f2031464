"""The embedded field guide as an image source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from mmkd_ray import fieldguide
from mmkd_ray.config import FieldGuideData
from mmkd_ray.data.sources.base import ImageRow
from mmkd_ray.identity import settings


class FieldGuideSource:
    """Drawn birds: the same configuration gives the same pixels on every machine."""

    def __init__(self, config: FieldGuideData) -> None:
        self._config = config
        self._per_class = {
            "train": config.train_per_class,
            "val": config.val_per_class,
            "test": config.test_per_class,
            "shift": config.shift_per_class,
        }
        self.class_names = tuple(species.name for species in fieldguide.make_species(config.species_seed))

    def __len__(self) -> int:
        """Number of images."""
        return len(self.class_names) * sum(self._per_class.values())

    def describe(self) -> list[str]:
        """Nothing was found, all is drawn."""
        return []

    def identity(self) -> dict[str, Any]:
        """The seeds and counts, and a hash of sample pictures that changes when the drawing does."""
        config = self._config
        sample = fieldguide.images(
            species_seed=config.species_seed, seed=config.image_seed, per_class={"train": 1, "shift": 1}
        )
        drawing = hashlib.sha256(b"".join(image.png for image in sample)).hexdigest()
        return {"config": settings(config), "drawing": drawing}

    def rows(self) -> Iterator[ImageRow]:
        """Draw every image."""
        config = self._config
        for image in fieldguide.images(
            species_seed=config.species_seed, seed=config.image_seed, per_class=self._per_class
        ):
            yield ImageRow(image.image_id, image.png, image.label, image.class_name, image.split)
