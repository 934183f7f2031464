"""Images with boxes in the layout and the XML of Pascal VOC as an image source."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree as ET

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import VocData
from mmkd_ray.data.sources.base import Box
from mmkd_ray.data.sources.boxes import Annotated, BoxSource
from mmkd_ray.data.sources.files import open_root
from mmkd_ray.data.sources.listing import reason
from mmkd_ray.data.sources.lists import read_text
from mmkd_ray.data.sources.splits import map_splits, split_line
from mmkd_ray.errors import DataError, few, one_line

_LISTS = "ImageSets/Main"
_OPENED = 16
"""Files read at a time."""

_Named = tuple[str, str, Box]
"""Class, what the box is called in messages, the box without its label."""


class VocSource(BoxSource):
    """The images that `ImageSets/Main/{train,val,test}.txt` list; classes in the order of their names."""

    def __init__(self, config: VocData, _storage: str = "") -> None:
        """Read the lists and the XML files, and look at the images' files.

        Raises:
            DataError: a file is missing or of another format; see `BoxSource`.
        """
        expected = f"expected {config.path}/ with Annotations/, {_LISTS}/ and JPEGImages/"
        root = _find_root(open_root(config.path, expected), config.path, expected)
        lists = [name for name in ("train", "val", "test") if root.exists(f"{_LISTS}/{name}.txt")] or ["trainval"]
        splits = map_splits(lists, {}, place=config.path)
        listed = [
            (name.split()[0], splits[word] or "")
            for word in lists
            for name in read_text(root, f"{_LISTS}/{word}.txt", expected).splitlines()
            if name.strip()
        ]
        with ThreadPoolExecutor(_OPENED) as pool:
            found = list(pool.map(partial(_read, root), listed))
        class_names = sorted({name for _, boxes in found for name, _, _ in boxes})
        labels = {name: label for label, name in enumerate(class_names)}
        images = [
            replace(image, boxes=[(called, replace(box, label=labels[name])) for name, called, box in boxes])
            for image, boxes in found
        ]
        told = [f"read {few(f'{_LISTS}/{word}.txt' for word in lists)}", split_line(splits)]
        super().__init__(config, root, images, class_names, told=told)


def _find_root(top: Folder, path: str, expected: str) -> Folder:
    """The folder itself, or the only year in `VOCdevkit/` (torchvision's root)."""
    years = top.child("VOCdevkit")
    found = [folder for folder in (top, *map(years.child, years.names())) if folder.exists("Annotations")]
    if len(found) != 1:
        several = f" holds {few(folder.uri for folder in found)}: give one of them" if found else f": {expected}"
        raise DataError(f"data.path: '{path}'{several}")
    return found[0]


def _read(root: Folder, listed: tuple[str, str]) -> tuple[Annotated, Sequence[_Named]]:
    """An image without its boxes, and these."""
    name, split = listed
    file = f"Annotations/{name}.xml"
    try:
        # Expat itself refuses entities that grow (since 2.4.1).
        top = ET.fromstring(root.read_bytes(file))  # noqa: S314
        width, height = (int(float(_text(top, f"size/{side}"))) for side in ("width", "height"))
        boxes = [_box(number, entry) for number, entry in enumerate(top.iter("object"), start=1)]
    except OSError as error:
        raise DataError(f"data.path: '{root.place(file)}' cannot be read: {reason(error)}") from error
    except (ET.ParseError, ValueError) as error:
        raise DataError(f"data.path: '{root.place(file)}' is not Pascal VOC's XML: {one_line(error)}") from error
    picture = top.findtext("filename", "").strip() or f"{name}.jpg"
    return Annotated(f"JPEGImages/{picture}", split, width, height, ()), boxes


def _box(number: int, entry: ET.Element) -> _Named:
    """Its corners are pixels, counted from 1, both of them within the box."""
    left, top, right, bottom = (float(_text(entry, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
    width, height = right - left + 1, bottom - top + 1
    difficult = entry.findtext("difficult", "0").strip() == "1"
    return _text(entry, "name"), f"object {number}", Box(left - 1, top - 1, width, height, 0, width * height, difficult)


def _text(entry: ET.Element, path: str) -> str:
    text = (entry.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"no {path}")
    return text
