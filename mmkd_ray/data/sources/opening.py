"""The image source that a configuration describes: an entry for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mmkd_ray.config import (
    CocoData,
    Config,
    CubData,
    FieldGuideData,
    FolderData,
    HuggingFaceData,
    ImageNetData,
    MiniImageNetData,
    ParquetData,
    ScenesData,
    TableData,
    TorchvisionData,
    VocData,
    WaterbirdsData,
    WebDatasetData,
)
from mmkd_ray.config.base import Section
from mmkd_ray.data.sources.base import Source
from mmkd_ray.data.sources.cifar import CifarSource
from mmkd_ray.data.sources.coco import CocoSource
from mmkd_ray.data.sources.cub import CubSource
from mmkd_ray.data.sources.fieldguide import FieldGuideSource
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.data.sources.huggingface import HuggingFaceSource
from mmkd_ray.data.sources.imagenet import ImageNetSource
from mmkd_ray.data.sources.mini_imagenet import MiniImageNetSource
from mmkd_ray.data.sources.parquet import ParquetSource
from mmkd_ray.data.sources.scenes import SceneSource
from mmkd_ray.data.sources.table import TableSource
from mmkd_ray.data.sources.torchvision_sets import TorchvisionSource
from mmkd_ray.data.sources.voc import VocSource
from mmkd_ray.data.sources.waterbirds import WaterbirdsSource
from mmkd_ray.data.sources.webdataset import WebDatasetSource
from mmkd_ray.errors import DataError


def _torchvision(data: TorchvisionData) -> Source:
    return (CifarSource if data.dataset.startswith("cifar") else TorchvisionSource)(data)


_SOURCES: dict[type[Section], Callable[[Any, str], Source]] = {
    FieldGuideData: lambda data, _storage: FieldGuideSource(data),
    FolderData: FolderSource,
    TableData: TableSource,
    ParquetData: ParquetSource,
    HuggingFaceData: HuggingFaceSource,
    WebDatasetData: WebDatasetSource,
    TorchvisionData: lambda data, _storage: _torchvision(data),
    CubData: lambda data, _storage: CubSource(data),
    MiniImageNetData: lambda data, _storage: MiniImageNetSource(data),
    ImageNetData: lambda data, _storage: ImageNetSource(data),
    WaterbirdsData: lambda data, _storage: WaterbirdsSource(data),
    CocoData: CocoSource,
    VocData: VocSource,
    ScenesData: lambda data, _storage: SceneSource(data),
}


_held: ContextVar[dict[str, Source | DataError] | None] = ContextVar("held", default=None)
"""What has been listed within `listed_once`, or why it could not be."""


def open_source(config: Config) -> Source:
    """The image source that `data:` describes, listed.

    Raises:
        DataError: it is not there, or is not such a source.
    """
    held = _held.get()
    if held is None:
        return _list(config)
    key = f"{config.data.model_dump_json()} {config.storage.path}"
    if key not in held:
        try:
            held[key] = _list(config)
        except DataError as error:
            held[key] = error
    found = held[key]
    if isinstance(found, DataError):
        raise found
    return found


def _list(config: Config) -> Source:
    return _SOURCES[type(config.data)](config.data, config.storage.path)


@contextmanager
def listed_once() -> Iterator[None]:
    """Within it, each source is listed once, until `forget_listed`: a command looks at it several times."""
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def forget_listed() -> None:
    """Free the memory that the listing of a source takes."""
    (_held.get() or {}).clear()
