"""What an image source holds, read in this process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmkd_ray.config import validate
from mmkd_ray.data.reading import read_checked
from mmkd_ray.data.sources.base import BadImage, Source
from mmkd_ray.data.sources.opening import open_source


@dataclass(frozen=True)
class ImageRow:
    image_id: str
    image: bytes
    label: int
    class_name: str
    split: str
    group: str | None


def open_data(source: str, path: Path, **settings: Any) -> Source:
    """What a configuration with such a section `data` means."""
    data = {"source": source, "path": str(path), **settings}
    return open_source(validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}}))


def rows_of(source: Source, *, max_pixels: int = 50_000_000) -> list[ImageRow | BadImage]:
    """Every image, or why it is a bad one, in the order of the source."""
    items = list(source.items())
    assert len(items) == len(source)
    found = read_checked(source.reader, items, max_pixels)
    return [
        row
        if isinstance(row, BadImage)
        else ImageRow(item.image_id, row, item.label, item.class_name, item.split, item.group)
        for item, row in zip(items, found, strict=True)
    ]
