"""Sources whose labels and splits stand in columns: from these to images with split, class and group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmkd_ray.config import ListedData
from mmkd_ray.data.sources.base import Reader
from mmkd_ray.data.sources.cells import text_of
from mmkd_ray.data.sources.files import FileSource, ImageFile
from mmkd_ray.data.sources.labels import name_classes, read_class_names
from mmkd_ray.data.sources.listing import Found
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.data.sources.splits import map_splits, split_line
from mmkd_ray.errors import DataError


@dataclass(frozen=True)
class Listed:
    """What a data set lists: a value for each image in each of these."""

    found: Sequence[Found]
    """With paths of their own."""
    labels: Sequence[Any]
    """Names or numbers."""
    splits: Sequence[Any]
    """As the data set calls them."""
    groups: Sequence[Any] = ()
    """Objects that they show; empty where they are not known."""
    places: Sequence[Any] = ()
    """See `ImageFile.place`; empty where the path says it."""
    class_names: Sequence[str] = ()
    """Of the numbers from 0; empty where the data set has none."""
    read_from: str = ""
    """Where each came from, for a person."""


class ListedSource(FileSource):
    """Images whose labels, splits and groups a data set lists, in its order."""

    def __init__(self, config: ListedData, reader: Reader, listed: Listed, *, place: str) -> None:
        """Name the classes, map the splits, and take those that are lacking from the training images.

        Args:
            config: `data` of the configuration.
            reader: reads the images.
            listed: all that there are.
            place: the data set, for messages.

        Raises:
            DataError: labels or splits are missing, or there are no two classes to train on.
        """
        self._read_from = f"read {place}: {listed.read_from}"
        words = [text_of(word) for word in listed.splits]
        self._splits = map_splits(words, config.splits, place=place)
        kept = [row for row, word in enumerate(words) if self._splits[word]]
        groups = [text_of(group) or None for group in listed.groups]
        if groups and not any(groups):
            raise DataError(
                f"data.columns.group: '{config.columns.group}' of {place} is empty in every row: leave it out"
            )
        names, class_names = name_classes(
            {listed.found[row].path: listed.labels[row] for row in kept},
            read_class_names(config.classes) or listed.class_names,
            place=place,
        )
        files = [
            ImageFile(
                listed.found[row],
                self._splits[words[row]] or "",
                names[listed.found[row].path],
                groups[row] if groups else None,
                listed.places[row] if listed.places else None,
            )
            for row in kept
        ]
        fractions = {"test": config.test_fraction, "val": config.val_fraction}
        files = cut_missing(files, fractions, group=config.group, seed=config.split_seed)
        key = "data.columns.group" if listed.groups else "data.group"
        super().__init__(reader, files, class_names, path=config.path, grouped_by=key)

    def describe(self) -> list[str]:
        """Which columns were read, and how the splits were."""
        splits = [split_line(self._splits)] if len(self._splits) > 1 else []
        return [self._read_from, *splits, *super().describe()]

    def identity(self) -> dict[str, Any]:
        """As of files, and the groups, which no path says."""
        facts = super().identity()
        if self.group_kind:
            groups = [item.group for item in self.items()]
            facts["groups"] = hashlib.sha256(json.dumps(groups).encode()).hexdigest()
        return facts
