"""The embedded field guide as an image source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmkd_ray import fieldguide
from mmkd_ray.config import FieldGuideData
from mmkd_ray.data.sources.base import GroupKind, Item
from mmkd_ray.identity import settings


@dataclass(frozen=True)
class FieldGuideReader:
    """Draws images by their ids."""

    species_seed: int
    image_seed: int
    home_share: float | None

    def read(self, items: Sequence[Item]) -> Iterator[bytes]:
        """The PNG of each."""
        ids = [item.image_id for item in items]
        return fieldguide.draw(ids, species_seed=self.species_seed, seed=self.image_seed, home_share=self.home_share)


class FieldGuideSource:
    """Drawn birds: the same configuration gives the same pixels on every machine."""

    def __init__(self, config: FieldGuideData) -> None:
        self._config = config
        self.group_kind: GroupKind = "subgroup" if config.spurious else ""
        self._per_class = {
            "train": config.train_per_class,
            "val": config.val_per_class,
            "test": config.test_per_class,
            "shift": config.shift_per_class,
        }
        self.reader = FieldGuideReader(config.species_seed, config.image_seed, config.home_share)
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
            species_seed=config.species_seed,
            seed=config.image_seed,
            per_class={"train": 1, "shift": 1},
            home_share=config.home_share,
        )
        drawing = hashlib.sha256(b"".join(image.png for image in sample)).hexdigest()
        return {"config": settings(config), "drawing": drawing}

    def items(self) -> Iterator[Item]:
        """Every image; none is drawn."""
        species, share = fieldguide.make_species(self._config.species_seed), self._config.home_share
        for image_id, label, split in fieldguide.listed(species, self._per_class):
            group = None if share is None else fieldguide.group_of(image_id, label, share)
            yield Item(image_id, label, species[label].name, split, group)
