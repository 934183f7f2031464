"""Scenes of the embedded field guide as an image source: several birds in a picture, with boxes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mmkd_ray import fieldguide
from mmkd_ray.config import ScenesData
from mmkd_ray.data.sources.base import Box, GroupKind, Item
from mmkd_ray.data.sources.boxes import HasBoxes
from mmkd_ray.identity import settings

_SAMPLES = ("train/00000", "shift/00000", "strangers/00000")
"""Scenes whose pixels change when the drawing does."""


@dataclass(frozen=True)
class SceneReader:
    """Draws scenes by their ids."""

    species_seed: int
    image_seed: int
    species: int

    def read(self, items: Sequence[Item]) -> Iterator[bytes]:
        """The PNG of each."""
        return self.draw([item.image_id for item in items])

    def draw(self, image_ids: Sequence[str]) -> Iterator[bytes]:
        """Likewise."""
        return fieldguide.draw_scenes(
            image_ids, species_seed=self.species_seed, seed=self.image_seed, classes=self.species
        )


class SceneSource(HasBoxes):
    """Drawn scenes: the same configuration gives the same pixels and boxes on every machine."""

    def __init__(self, config: ScenesData) -> None:
        self._config = config
        self.group_kind: GroupKind = ""
        self._counts = {split: getattr(config, split) for split in fieldguide.SCENE_SPLITS}
        self.reader = SceneReader(config.species_seed, config.image_seed, config.species)
        species = fieldguide.make_species(config.species_seed)
        self.class_names = tuple(one.name for one in species[: config.species])
        self.bad_boxes: list[dict[str, str]] = []

    def __len__(self) -> int:
        """Number of scenes."""
        return sum(self._counts.values())

    @property
    def good_boxes(self) -> Sequence[Sequence[Box]]:
        """See `HasBoxes`: all of them."""
        return list(self._boxes.values())

    def describe(self) -> list[str]:
        """How many birds of how many species."""
        unseen = self._config.strangers and f"; in strangers also {fieldguide.STRANGERS} species that are no class"
        return [f"drew {self.boxes:,} birds of {len(self.class_names)} species in {len(self):,} scenes{unseen or ''}"]

    def identity(self) -> dict[str, Any]:
        """The seeds and counts, and a hash of sample scenes."""
        drawing = hashlib.sha256(b"".join(self.reader.draw(_SAMPLES))).hexdigest()
        return {"config": settings(self._config), "drawing": drawing}

    def items(self) -> Iterator[Item]:
        """Every scene; none is drawn."""
        for image_id, split in fieldguide.listed_scenes(self._counts):
            yield Item(image_id, None, None, split, boxes=self._boxes[image_id])

    @cached_property
    def _boxes(self) -> dict[str, tuple[Box, ...]]:
        return {image_id: self._boxes_of(image_id) for image_id, _ in fieldguide.listed_scenes(self._counts)}

    def _boxes_of(self, image_id: str) -> tuple[Box, ...]:
        """Those of the birds that a class has: what else is there is none of a detector's objects."""
        scene = fieldguide.scene_of(
            image_id, species_seed=self._config.species_seed, seed=self._config.image_seed, classes=self._config.species
        )
        known = [bird for bird in scene.birds if bird.species < self._config.species]
        return tuple(_box(bird.box, bird.species) for bird in known)


def _box(place: tuple[int, int, int, int], label: int) -> Box:
    x, y, width, height = map(float, place)
    return Box(x, y, width, height, label, width * height)
