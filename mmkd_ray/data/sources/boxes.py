"""Sources of images with boxes (object detection): which boxes are good ones, and how such images are listed."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import BoxData
from mmkd_ray.data.sources.base import Box, GroupKind, Item, Reader
from mmkd_ray.data.sources.files import FileReader, ImageFile, chosen_lines, object_lines
from mmkd_ray.data.sources.listing import find_files
from mmkd_ray.data.sources.lists import check_unique
from mmkd_ray.data.sources.split import cut_missing
from mmkd_ray.errors import DataError, few

_LEAST = 0.01
"""Pixels: a box that is narrower has no area in the numbers of a detector."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """An image as its data set describes it."""

    path: str
    """Within the data set's folder."""
    split: str
    width: int
    height: int
    boxes: Sequence[tuple[str, Box]]
    """Each with what it is called in messages: "annotation 17"."""


class HasBoxes(ABC):
    """A source of images with boxes."""

    class_names: tuple[str, ...]
    bad_boxes: list[dict[str, str]]
    """Those that were left out: `image_id`, `box`, `reason`."""

    @property
    @abstractmethod
    def good_boxes(self) -> Sequence[Sequence[Box]]:
        """Those of each image, in the order of the images."""

    @property
    def boxes(self) -> int:
        """How many good ones there are."""
        return sum(map(len, self.good_boxes))

    @property
    def boxes_digest(self) -> str:
        """Another one if a box or a class is another."""
        facts = [[astuple(box) for box in boxes] for boxes in self.good_boxes]
        return hashlib.sha256(json.dumps([self.class_names, facts]).encode()).hexdigest()


class BoxSource(HasBoxes):
    """Images with any number of boxes, none among them; what is wrong with a box leaves its image in place.

    A box that reaches beyond the picture is cut at its edge.
    """

    def __init__(
        self, config: BoxData, root: Folder, images: Sequence[Annotated], class_names: Sequence[str], *, told: list[str]
    ) -> None:
        """Look at the files and the boxes, and take the splits that are lacking from the training images.

        Args:
            config: `data` of the configuration.
            root: the folder that paths start from.
            images: all that there are.
            class_names: in the order of labels.
            told: where all of this was read, lines for a person.

        Raises:
            DataError: an image is listed twice, none is there, or none of train has a box.
        """
        check_unique((image.path for image in images), "image")
        check_unique(class_names, "class")
        found = find_files(root, [image.path for image in images])
        if all(file.problem for file in found):
            example = f" ('{root.place(found[0].path)}': {found[0].problem})" if found else ""
            raise DataError(
                f"data.path: none of the {len(found):,} images that are listed can be read{example}; put them where "
                "the annotations say"
            )
        files = [ImageFile(file, image.split, "") for file, image in zip(found, images, strict=True)]
        fractions = {"test": config.test_fraction, "val": config.val_fraction}
        self._files = cut_missing(files, fractions, group=config.group, seed=config.split_seed)
        self._images = images
        self._boxes, self.bad_boxes = _good_boxes(images)
        self.class_names = tuple(class_names)
        self.group_kind: GroupKind = "object" if any(file.group for file in self._files) else ""
        self.reader: Reader = FileReader(root)
        self._told = told
        self._in_train = {
            box.label
            for file, boxes in zip(self._files, self._boxes, strict=True)
            for box in boxes
            if file.split == "train"
        }
        if not self._in_train:
            raise DataError(f"data.path: no training image of '{config.path}' has a box: there is nothing to learn")

    def __len__(self) -> int:
        """Number of images."""
        return len(self._files)

    @property
    def good_boxes(self) -> Sequence[Sequence[Box]]:
        """See `HasBoxes`."""
        return self._boxes

    def describe(self) -> list[str]:
        """Where everything was read, the boxes and classes, and what was left out."""
        empty = sum(not boxes for boxes in self._boxes)
        classes = f"{len(self.class_names)} classes ({few(self.class_names)})"
        found = f"{self.boxes:,} boxes of {classes} in {len(self) - empty:,} images, {empty:,} more without any"
        lines = [*self._told, found, *chosen_lines(self._files)]
        if self.bad_boxes:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in _kinds(self.bad_boxes).items())
            first = self.bad_boxes[0]
            lines.append(
                f"boxes that are left out, while their images stay: {kinds}; such as {first['box']} of "
                f"{first['image_id']} ({first['reason']}); listed in bad_boxes.parquet beside the image table"
            )
        names = [name for label, name in enumerate(self.class_names) if label not in self._in_train]
        if names:
            lines.append(f"no box in train of {few(names)}: nothing is learnt of them")
        return [*lines, *(object_lines(self._files, "data.group") if self.group_kind else [])]

    def identity(self) -> dict[str, Any]:
        """Names, sizes and times of the files, and their boxes; their content is hashed later, when it is read."""
        files = [
            [file.found.path, file.split, file.found.size, file.found.modified_ns, file.found.problem]
            for file in self._files
        ]
        return {
            "class_names": list(self.class_names),
            "files": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
            "boxes": self.boxes_digest,
        }

    def items(self) -> Iterator[Item]:
        """Every image."""
        for file, image, boxes in zip(self._files, self._images, self._boxes, strict=True):
            found = file.found
            yield Item(
                found.path,
                None,
                None,
                file.split,
                file.group,
                problem=found.problem,
                size=found.size,
                stamp=f"{found.size}:{found.modified_ns}",
                boxes=boxes,
                pixels=(image.width, image.height),
            )


def within(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies within a picture of this size.

    Raises:
        DataError: there is none, in a few words.
    """
    numbers = f"x {box.x:g}, y {box.y:g}, {box.width:g} x {box.height:g} pixels"
    if not all(map(math.isfinite, (box.x, box.y, box.width, box.height))):
        raise DataError(f"not a box: {numbers}")
    if min(box.width, box.height) < _LEAST:
        raise DataError(f"without area: {numbers}")
    left, top = max(box.x, 0.0), max(box.y, 0.0)
    right, bottom = min(box.x + box.width, float(width)), min(box.y + box.height, float(height))
    if min(right - left, bottom - top) < _LEAST:
        raise DataError(f"outside the picture: {numbers} in {width} x {height}")
    return replace(box, x=left, y=top, width=right - left, height=bottom - top)


def _good_boxes(images: Sequence[Annotated]) -> tuple[list[tuple[Box, ...]], list[dict[str, str]]]:
    """The boxes of each image that can be learnt from, and the others with their reasons."""
    good: list[tuple[Box, ...]] = []
    bad: list[dict[str, str]] = []
    for image in images:
        kept = []
        for name, box in image.boxes:
            try:
                kept.append(within(box, image.width, image.height))
            except DataError as error:
                bad.append({"image_id": image.path, "box": name, "reason": str(error)})
        good.append(tuple(kept))
    return good, bad


def _kinds(bad: Sequence[dict[str, str]]) -> Counter[str]:
    return Counter(box["reason"].partition(":")[0] for box in bad)
