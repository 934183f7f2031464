"""Images with boxes in COCO's JSON format as an image source."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import CocoData
from mmkd_ray.data.sources.base import Box
from mmkd_ray.data.sources.boxes import Annotated, BoxSource
from mmkd_ray.data.sources.files import open_root
from mmkd_ray.data.sources.layout import split_of
from mmkd_ray.data.sources.listing import reason
from mmkd_ray.data.sources.lists import check_unique
from mmkd_ray.data.sources.splits import map_splits, split_line
from mmkd_ray.errors import DataError, few, one_line

_ACCEPTED = (
    'accepted is {"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "category_id", '
    '"bbox": [x, y, width, height]}], "categories": [{"id", "name"}]}'
)
_ROBOFLOW = "_annotations.coco.json"
_NOT_BOXES = ("image_info", "captions", "person_keypoints", "panoptic", "stuff", "unlabeled")
"""What else COCO's own archives hold, by the beginnings of names."""


class CocoSource(BoxSource):
    """The images of one JSON file for each split, in its order; classes in the order of their ids."""

    def __init__(self, config: CocoData, _storage: str = "") -> None:
        """Read the JSON files, and look at the images' files.

        Raises:
            DataError: a file is missing or of another format, or files have different classes; see `BoxSource`.
        """
        root = open_root(config.path, "give one that holds COCO's JSON files and the folders of images")
        files = config.annotations or _find_files(root, config.path)
        splits = map_splits(files, {}, place=config.path)
        if unknown := sorted(set(config.images) - set(files)):
            raise DataError(f"data.images: there is no split '{unknown[0]}'; there are {few(files)}")
        names: dict[int, str] = {}
        images: list[Annotated] = []
        for word, file in files.items():
            parsed = _read(root, file)
            place = root.place(file)
            if names and names != _categories(parsed, place):
                raise DataError(
                    f"{place}: its categories differ from those of {few(files.values())}; make them the same"
                )
            names = _categories(parsed, place)
            folder = config.images.get(word)
            folder = _find_folder(root, word, file, parsed, place) if folder is None else folder
            images += _images(parsed, list(names), folder, splits[word] or "", place)
        told = [f"read {few(files.values())}", split_line(splits)]
        super().__init__(config, root, images, list(names.values()), told=told)


def _find_files(root: Folder, path: str) -> dict[str, str]:
    """The JSON file of each split, by the split's name in those of files, or (Roboflow) of folders."""
    names = root.names()
    beside = {name: f"{name}/{_ROBOFLOW}" for name in names if split_of(name)}
    if present := {word: place for word, place in beside.items() if root.exists(place)}:
        return present
    places = [*names, *(f"annotations/{name}" for name in root.child("annotations").names())]
    files = [place for place in places if place.endswith(".json") and not _stem(place).startswith(_NOT_BOXES)]
    words = [(word, place) for place in files if (word := _split_word(place))]
    found: dict[str, str] = {}
    for word, place in words:
        if split_of(word) in map(split_of, found):
            raise DataError(
                f"data.path: '{path}' has {few([place for _, place in words])}: say which one is for which split by "
                f"data.annotations={{train: {words[0][1]}, ...}}"
            )
        found[word] = place
    if not found:
        raise DataError(
            f"data.path: '{path}' has no JSON file with the name of a split, such as annotations/instances_train.json "
            f"({few(files) or 'it has none at all'}): name them by data.annotations={{train: FILE, val: FILE}}"
        )
    return found


def _stem(place: str) -> str:
    return PurePosixPath(place).stem


def _split_word(place: str) -> str:
    return next((word for word in re.split(r"[^A-Za-z0-9]+", _stem(place)) if split_of(word)), "")


def _read(root: Folder, file: str) -> dict[str, Any]:
    place = root.place(file)
    try:
        # Outlines are nine tenths of COCO's files.
        parsed = json.loads(root.read_bytes(file), object_hook=_without_outline)
    except OSError as error:
        raise DataError(f"data.annotations: '{place}' cannot be read: {reason(error)}") from error
    except ValueError as error:
        raise DataError(f"data.annotations: '{place}' is not JSON: {one_line(error)}") from error
    lists = [parsed.get(key) if isinstance(parsed, dict) else None for key in ("images", "annotations", "categories")]
    if not all(isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries) for entries in lists):
        raise DataError(f"data.annotations: '{place}' is of another format; {_ACCEPTED}")
    return parsed


def _without_outline(entry: dict[str, Any]) -> dict[str, Any]:
    entry.pop("segmentation", None)
    return entry


def _categories(parsed: Mapping[str, Any], place: str) -> dict[int, str]:
    """Name by id, in the order of ids."""
    try:
        return dict(sorted((int(entry["id"]), str(entry["name"])) for entry in parsed["categories"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place}: a category is of another format ({_problem(error)}); {_ACCEPTED}") from error


def _find_folder(root: Folder, word: str, file: str, parsed: Mapping[str, Any], place: str) -> str:
    """The folder that the images of a split lie in: the first that holds one of its first."""
    beside = file.rpartition("/")[0]
    usual = dict.fromkeys([beside, word, f"images/{word}", "images", ""])
    for entry in parsed["images"][:5]:
        for folder in usual:
            if root.exists(_join(folder, str(entry.get("file_name")))):
                return folder
    raise DataError(
        f"{place}: its images are in none of {few([f'{folder}/' for folder in usual])} of {root.uri}: say where by "
        f"data.images={{{word}: FOLDER}}"
    )


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name


def _images(parsed: Mapping[str, Any], ids: list[int], folder: str, split: str, place: str) -> list[Annotated]:
    labels = {number: label for label, number in enumerate(ids)}
    boxes: defaultdict[Any, list[tuple[str, Box]]] = defaultdict(list)
    try:
        for number, entry in enumerate(parsed["annotations"]):
            if entry["category_id"] not in labels:
                raise DataError(
                    f"{place}: annotation {entry.get('id', number)} has the category {entry['category_id']}, which is "
                    "none of its categories"
                )
            boxes[entry["image_id"]].append((f"annotation {entry.get('id', number)}", _box(entry, labels)))
        images = [
            Annotated(
                _join(folder, entry["file_name"]),
                split,
                int(entry["width"]),
                int(entry["height"]),
                boxes.pop(entry["id"], ()),
            )
            for entry in parsed["images"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place}: an entry is of another format ({_problem(error)}); {_ACCEPTED}") from error
    check_unique((str(entry["id"]) for entry in parsed["images"]), "image id")
    if boxes:
        image, rest = next(iter(boxes.items()))
        raise DataError(f"{place}: {rest[0][0]} is of the image {image}, which is not listed")
    return images


def _box(entry: Mapping[str, Any], labels: Mapping[int, int]) -> Box:
    x, y, width, height = map(float, entry["bbox"])
    area = float(entry.get("area") or width * height)
    return Box(x, y, width, height, labels[entry["category_id"]], area, bool(entry.get("iscrowd")))


def _problem(error: Exception) -> str:
    return f"no '{error.args[0]}'" if isinstance(error, KeyError) else one_line(error)
