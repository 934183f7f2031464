"""Any image source -> an image table, shared by all runs of a storage path that look at these images."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.config import Config, CubData, FieldGuideData, FolderData, MiniImageNetData, TorchvisionData
from mmkd_ray.config.base import Section
from mmkd_ray.data.leaks import leak_lines, list_leaks
from mmkd_ray.data.sources.base import BadImage, ImageRow, Source
from mmkd_ray.data.sources.cub import CubSource
from mmkd_ray.data.sources.fieldguide import FieldGuideSource
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.data.sources.mini_imagenet import MiniImageNetSource
from mmkd_ray.data.sources.torchvision_sets import TorchvisionSource
from mmkd_ray.errors import DataError, few
from mmkd_ray.identity import Identity, identify, settings

QUARANTINE = "quarantine.parquet"
UNREADABLE = "unreadable.parquet"
"""In the run's folder: the images that cannot be read, where they are so many that no table is made."""

MAX_FILE_BYTES = 64 * 2**20
"""A Parquet file is closed when it holds so much or `MAX_FILE_ROWS`: files are what Ray Data spreads over nodes."""
MAX_FILE_ROWS = 256


_SOURCES: dict[type[Section], Callable[[Any], Source]] = {
    FieldGuideData: FieldGuideSource,
    TorchvisionData: TorchvisionSource,
    CubData: CubSource,
    MiniImageNetData: MiniImageNetSource,
}


def open_source(config: Config) -> Source:
    """The image source that `data:` describes."""
    if isinstance(config.data, FolderData):
        return FolderSource(config.data, config.storage.path)
    return _SOURCES[type(config.data)](config.data)


def build_image_table(config: Config, run: Run, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Read every image of the source once and write the image table; free if any run has made it already.

    Args:
        config: the run's configuration.
        run: it refers to the table from now on; another one that it referred to stays.
        progress: called with (images done, images in all).

    Returns:
        The record: `images` by split, `class_names`, `quarantined`, `digest` (of ids, content and splits), what
        `list_leaks` counts; and `told`, lines on how the source was read, for people.

    Raises:
        DataError: too many images cannot be read, a class has none left to train on, or there is none to validate or
            test on.
    """
    source = open_source(config)
    identity = images_identity(config, source).key
    folder = _find(run, identity)
    if folder is None:
        folder = _build(config, run, source, identity, progress)
    bad, place = folder.read_table(QUARANTINE).to_pylist(), f"{folder.uri}/{QUARANTINE}"
    _check_bad(bad, len(source), config.extract.max_bad_fraction, place)
    if run.images != folder:
        run.refer_to_images(folder.uri.rpartition("/")[2])
    record = run.require(folder, "images")
    told = [*source.describe(), *leak_lines(record, folder)]
    return {**record, "told": told}


def _find(run: Run, identity: str) -> Folder | None:
    """A finished table of this identity: the one that the run refers to, or any other run's."""
    tables = run.shared.child("images")
    others = (tables.child(name) for name in tables.names() if name.startswith(identity))
    return next((folder for folder in (run.images, *others) if folder.finished(identity)), None)


def _build(config: Config, run: Run, source: Source, identity: str, progress: Callable[[int, int], None]) -> Folder:
    """Write the table into a folder that no other writer knows; its record, by which others find it, comes last.

    No folder is renamed, since object stores cannot do that at once. Two runs that make the same table at the same time
    each end with a whole one; at worst both stay, and `mmkd gc` finds the one that nobody refers to.
    """
    folder = run.shared.child("images", f"{identity}-{uuid.uuid4().hex[:8]}")
    try:
        facts = _write(config, run, source, folder, progress)
        if other := _find(run, identity):
            folder.delete()
            return other
        folder.finish(identity, **facts)
    except BaseException:
        with suppress(OSError):
            folder.delete()
        raise
    return folder


def _write(
    config: Config, run: Run, source: Source, folder: Folder, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """All of a table but its record; what that will say."""
    writer, bad = _Writer(folder.child("table"), _columns(config)), []
    for done, row in enumerate(source.rows(), start=1):
        if isinstance(row, BadImage):
            bad.append(asdict(row))
        else:
            writer.add(row)
        progress(done, len(source))
    writer.flush()
    quarantine, place = pa.Table.from_pylist(bad, schema=schema.QUARANTINE), f"{run.folder.uri}/{UNREADABLE}"
    folder.write_table(QUARANTINE, quarantine)
    try:
        _check_bad(bad, len(source), config.extract.max_bad_fraction, place)
        _check_classes(writer.train_labels, source.class_names, place)
        _check_measurable(writer.by_split)
    except DataError:
        run.folder.write_table(UNREADABLE, quarantine)  # the table itself does not stay
        raise
    return {
        "settings": settings_identity(config),
        "images": dict(writer.by_split),
        "class_names": list(source.class_names),
        "quarantined": len(bad),
        **list_leaks(folder, writer.by_split, has_groups=bool(config.data.group)),
        "digest": writer.digest.hexdigest()[:16],
    }


def _columns(config: Config) -> pa.Schema:
    """Of the image table: those of all tables, and the group where the configuration says what one is."""
    return schema.IMAGES.append(schema.GROUP) if config.data.group else schema.IMAGES


def require_images(config: Config, run: Run) -> dict[str, Any]:
    """The record of the image table of this configuration; the source itself need not be in reach any more.

    Raises:
        ArtifactError: there is none, or it was made with other settings.
    """
    return run.require(run.images, "images", settings=settings_identity(config))


def settings_identity(config: Config) -> str:
    """Key of what the configuration says about the images, without where they are and how they come there."""
    return identify("image settings", **settings(config.data, exclude={"path", "download"})).key


def images_identity(config: Config, source: Source) -> Identity:
    """What decides an image table: the settings, and what the source says about its content."""
    return identify("images", source=source.identity(), settings=settings_identity(config))


def split_folders(run: Run, splits: Iterable[str] | None = None) -> list[Folder]:
    """The folders of Parquet files of some splits, or of all; a split without images has none."""
    table = run.images.child("table")
    present = table.names()
    return [table.child(split) for split in (present if splits is None else splits) if split in present]


def read_splits(run: Run, splits: Iterable[str] | None = None, columns: list[str] | None = None) -> pa.Table:
    """Rows of the image table, of some splits or of all, in the table's own order."""
    tables = [folder.read_table(columns=columns) for folder in split_folders(run, splits)]
    return pa.concat_tables(tables) if tables else schema.IMAGES.empty_table().select(columns or schema.IMAGES.names)


def _check_bad(bad: list[dict[str, str]], total: int, limit: float, place: str) -> None:
    if len(bad) > limit * total:
        shown = "; ".join(f"{image['path']}: {image['reason']}" for image in bad[:3])
        raise DataError(
            f"{len(bad)} of {total} images cannot be read, more than extract.max_bad_fraction = {limit} allows "
            f"({shown}); all are listed in {place}"
        )


def _check_classes(train_labels: set[int], class_names: tuple[str, ...], place: str) -> None:
    missing = [name for label, name in enumerate(class_names) if label not in train_labels]
    if missing:
        raise DataError(f"no readable training image of {few(missing)}; see {place}")


def _check_measurable(by_split: Counter[str]) -> None:
    if lacking := [name for split, name in (("val", "validation"), ("test", "test")) if not by_split[split]]:
        raise DataError(
            f"data: no {' and no '.join(lacking)} images, so that no student could be measured ({by_split['train']} to "
            "train on); give every class three readable images or more, or folders val/ and test/ with images"
        )


class _Writer:
    """Collects rows into Parquet files of bounded size, a folder a split, and counts and hashes what it saw."""

    def __init__(self, folder: Folder, columns: pa.Schema) -> None:
        self._folder, self._columns = folder, columns
        self._rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._bytes: Counter[str] = Counter()
        self._files: Counter[str] = Counter()
        self.by_split: Counter[str] = Counter()
        self.train_labels: set[int] = set()
        self.digest = hashlib.sha256()

    def add(self, row: ImageRow) -> None:
        sha256 = hashlib.sha256(row.image).hexdigest()
        rows = self._rows[row.split]
        rows.append({**asdict(row), "sha256": sha256})
        self._bytes[row.split] += len(row.image)
        self.by_split[row.split] += 1
        self.digest.update(f"{row.image_id}\0{sha256}\0{row.label}\0{row.split}\n".encode())
        if row.split == "train":
            self.train_labels.add(row.label)
        if self._bytes[row.split] >= MAX_FILE_BYTES or len(rows) >= MAX_FILE_ROWS:
            self._write(row.split)

    def flush(self) -> None:
        for split in list(self._rows):
            self._write(split)

    def _write(self, split: str) -> None:
        if not self._rows[split]:
            return
        table = pa.Table.from_pylist(self._rows[split], schema=self._columns)
        self._folder.child(split).write_table(f"part-{self._files[split]:05d}.parquet", table)
        self._files[split] += 1
        self._rows[split], self._bytes[split] = [], 0


def labels_of(table: pa.Table) -> np.ndarray:
    """The `label` column as an int64 array [N]."""
    return table["label"].to_numpy().astype(np.int64)
