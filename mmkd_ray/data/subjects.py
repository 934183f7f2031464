"""What the teacher is asked about: whole images, or the objects in their boxes."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw

from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.config.aspects import SubjectKind
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.encoded import encoded_images
from mmkd_ray.data.sources.base import CORNERS, place_of, subject_id
from mmkd_ray.data.table import split_folders

SUBJECTS = "subjects"
"""Of what a teacher table says about itself: `Subjects.facts`, where they are not whole images."""
_OUTLINE = (255, 0, 0)
"""Colour of the box that is drawn into a picture."""


@dataclass(frozen=True)
class Subjects:
    """Which subjects an image has, and how each is shown."""

    kind: SubjectKind = "image"
    margin: float = 0.0
    """Of a `box`: how much of the picture is seen on each side of it, as a share of its longer side."""
    least_side: float = 0.0
    """In pixels: narrower or lower boxes are no subjects."""

    @classmethod
    def of(cls, config: Config) -> Subjects:
        """Those of a configuration."""
        aspects = config.aspects
        if aspects.subject == "image":
            return IMAGES
        return cls(aspects.subject, aspects.box_margin if aspects.subject == "box" else 0.0, aspects.min_box_side)

    @classmethod
    def of_asked(cls, asked: Mapping[str, Any]) -> Subjects:
        """Those that a teacher table says that it is about: whole images where it says nothing."""
        return cls(**asked.get(SUBJECTS, {}))

    def facts(self) -> dict[str, Any]:
        """What decides them, for an identity; nothing where whole images are asked about."""
        return {} if self.kind == "image" else asdict(self)

    @property
    def unit(self) -> str:
        """What some of them are called."""
        return "images" if self.kind == "image" else "boxes"

    def describe(self) -> str:
        """In a few words."""
        if self.kind == "image":
            return "whole images"
        shown = f"a margin of {self.margin:g}" if self.kind == "box" else "the whole picture"
        return f"{self.kind}, with {shown}; sides of at least {self.least_side:g} px"

    @property
    def columns(self) -> list[str]:
        """Of the image table, what `rows` needs."""
        return ["image_id", "sha256", *([] if self.kind == "image" else ["boxes"])]

    def rows(self, images: pa.Table) -> pa.Table:
        """The subjects of images, image by image.

        Args:
            images: rows of an image table with `columns`.

        Returns:
            `image_id` and `sha256` of each subject, which no other subject has: of a box, they tell its image's, where
            the box lies, and how it is shown. `row`: of its image, in `images`. Of boxes also `label`, `box` and
            `of`, the `image_id` of its image; of boxes that are equal, there is one. Of images, what else is known.
        """
        if self.kind == "image":
            columns = [name for name in images.column_names if name != "image"]
            return images.select(columns).append_column("row", pa.array(np.arange(len(images))))
        found = list(self._boxes(images))
        ids, hashes = images["image_id"].to_pylist(), images["sha256"].to_pylist()
        return pa.table(
            {
                "image_id": pa.array([subject_id(ids[row], box) for row, box in found], pa.string()),
                "sha256": pa.array([self._hash(hashes[row], box) for row, box in found], pa.string()),
                "row": pa.array([row for row, _ in found], pa.int64()),
                "label": pa.array([box["label"] for _, box in found], pa.int32()),
                "box": pa.array([[box[key] for key in CORNERS] for _, box in found], pa.list_(pa.float32(), 4)),
                "of": pa.array([ids[row] for row, _ in found], pa.string()),
            }
        )

    def _boxes(self, images: pa.Table) -> Iterator[tuple[int, dict[str, Any]]]:
        for row, boxes in enumerate(images["boxes"].to_pylist()):
            seen = set()
            for box in boxes:
                place = place_of(box)
                if not box["is_crowd"] and min(box["width"], box["height"]) >= self.least_side and place not in seen:
                    seen.add(place)
                    yield row, box

    def _hash(self, image_sha256: str, box: Mapping[str, Any]) -> str:
        return hashlib.sha256(f"{image_sha256} {self.kind} {self.margin:g} {place_of(box)}".encode()).hexdigest()


IMAGES = Subjects()
"""Every image is one subject."""


def subject_pictures(run: Run, subjects: Subjects, rows: pa.Table) -> list[bytes]:
    """What the teacher is shown of some subjects, encoded; an image is decoded once for all of its boxes in `rows`.

    Args:
        run: whose image table they are from.
        subjects: how they are shown.
        rows: of `Subjects.rows`, in its order, with the image of each in the column `image`, and the image's hash in
            `image_sha256`.

    Raises:
        DamagedError, DataError: as for `encoded_images`.
    """
    if subjects.kind == "image":
        return encoded_images(run, rows)
    shown: list[bytes] = []
    for _, same in groupby(range(len(rows)), key=rows["of"].to_pylist().__getitem__):
        places = list(same)
        first = rows.slice(places[0], 1)
        image = pa.table({"image_id": first["of"], "sha256": first["image_sha256"], "image": first["image"]})
        picture = decode_rgb(encoded_images(run, image)[0])
        boxes = rows["box"].slice(places[0], len(places)).to_pylist()
        shown += [_encode(_show(picture, box, subjects)) for box in boxes]
    return shown


def first_pictures(run: Run, subjects: Subjects, split: str, count: int) -> list[bytes]:
    """What the teacher is shown of the first few subjects of a split.

    Raises:
        DamagedError, DataError: as for `subject_pictures`.
    """
    found: list[bytes] = []
    for folder in split_folders(run, [split]):
        for name in folder.tables():
            images = folder.read_table(name, [*subjects.columns, "image"])
            rows = subjects.rows(images).slice(0, count - len(found))
            found += subject_pictures(run, subjects, with_images(rows, images))
            if len(found) == count:
                return found
    return found


def with_images(rows: pa.Table, images: pa.Table) -> pa.Table:
    """Rows of `Subjects.rows` as `subject_pictures` takes them: with what `images`, which they are from, holds."""
    row = rows["row"]
    if "box" not in rows.column_names:
        return images.take(row)
    whole = rows.append_column("image", images["image"].take(row))
    return whole.append_column("image_sha256", images["sha256"].take(row)).drop_columns(["row"])


def _show(picture: Image.Image, box: list[float], subjects: Subjects) -> Image.Image:
    x, y, width, height = box
    if subjects.kind == "box":
        # A square, as far as the picture holds one: many processors make squares of what they are given.
        side = max(width, height) * (1 + 2 * subjects.margin)
        left, right = _around(x + width / 2, side, picture.width)
        top, bottom = _around(y + height / 2, side, picture.height)
        return picture.crop(_pixels(picture, left, top, right, bottom))
    drawn, line = picture.copy(), max(2, round(min(picture.size) / 100))
    left, top, right, bottom = _pixels(picture, x, y, x + width, y + height)
    # Around the box: nothing of the object is painted over.
    ImageDraw.Draw(drawn).rectangle(
        (left - line, top - line, right - 1 + line, bottom - 1 + line), None, _OUTLINE, line
    )
    return drawn


def _around(middle: float, length: float, most: int) -> tuple[float, float]:
    """So much of a side of the picture around a place, or beside it where the picture ends."""
    length = min(length, most)
    begin = min(max(middle - length / 2, 0), most - length)
    return begin, begin + length


def _pixels(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
    """The whole pixels of a picture that hold such a box, at least one."""
    first = min(max(math.floor(left), 0), picture.width - 1), min(max(math.floor(top), 0), picture.height - 1)
    end = (
        min(max(math.ceil(right), first[0] + 1), picture.width),
        min(max(math.ceil(bottom), first[1] + 1), picture.height),
    )
    return *first, *end


def _encode(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
