"""Any image source -> an image table, shared by all runs of a storage path that look at these images."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.artifacts import RECORD, Folder, Run
from mmkd_ray.cluster.environment import in_ray_job
from mmkd_ray.config import Config
from mmkd_ray.console import notice
from mmkd_ray.data.leaks import leak_lines, list_leaks
from mmkd_ray.data.origin import refer_to_images
from mmkd_ray.data.reading import PARTS, TABLE, PartReader, here
from mmkd_ray.data.remaining import Remaining, held_images, read_parts
from mmkd_ray.data.sources.base import Source
from mmkd_ray.data.sources.boxes import HasBoxes
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.data.sources.opening import forget_listed, open_source
from mmkd_ray.data.table import check_count, settings_identity
from mmkd_ray.errors import DamagedError, DataError, few
from mmkd_ray.identity import Identity, identify

QUARANTINE = "quarantine.parquet"
BAD_BOXES = "bad_boxes.parquet"
"""Of a data set of boxes: those that were left out, with the reason."""
_SHOWN = 5
"""Images that cannot be read, on the terminal; a file lists all."""
UNREADABLE = "unreadable.parquet"
"""In the run's folder: the images that cannot be read, where they are so many that no table is made."""


class Spread(Protocol):
    """Has parts read: `here`, or on a cluster."""

    def __call__(self, read: PartReader, parts: Remaining, tick: Callable[[int], None]) -> None:
        """Read all parts; `tick` is called with the number of images that were read since."""
        ...


def build_image_table(
    config: Config, run: Run, progress: Callable[[int, int], None], spread: Spread = here
) -> dict[str, Any]:
    """Read every image of the source once and write the image table; free if any run has made it already.

    What a killed run has read is not read again, nor are files of the run's earlier table that have not changed.

    Args:
        config: the run's configuration.
        run: it refers to the table from now on; another one that it referred to stays.
        progress: called with (images done, images in all).
        spread: who reads.

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
        folder = _build(config, run, source, identity, progress, spread)
    bad, place = folder.read_table(QUARANTINE).to_pylist(), f"{folder.uri}/{QUARANTINE}"
    _check_bad(bad, len(source), config.extract.max_bad_fraction, place)
    refer_to_images(config, run, folder)
    record = run.require(folder, "images")
    told = [*source.describe(), *_bad_lines(bad, place), *leak_lines(record, folder)]
    forget_listed()
    return {**record, "told": told}


def images_to_read(config: Config, run: Run) -> int:
    """How many images of the source no table holds yet, to decide who reads them; those of finished parts left out.

    Raises:
        DataError: the source cannot be listed.
    """
    source = open_source(config)
    identity = images_identity(config, source).key
    if _find(run, identity) is not None:
        return 0
    return Remaining(source, frozenset(read_parts(_folder(run, identity)))).images


def images_identity(config: Config, source: Source) -> Identity:
    """What decides an image table: the settings, and what the source says about its content.

    Raises:
        DataError: places are to be stored, and the images are not files of their own.
    """
    files = _files_to_refer_to(config, source)
    # Such a table is one of these files, wherever others of the same content lie; what is made from it is not.
    stored = {"files_in": files.address} if files else {}
    return identify("images", source=source.identity(), settings=settings_identity(config), **stored)


def _files_to_refer_to(config: Config, source: Source) -> Folder | None:
    """The folder of the images, if the table is to hold their places and not their bytes."""
    if getattr(config.data, "store", "bytes") == "bytes":
        return None
    if not isinstance(source.reader, FileReader):
        raise DataError(
            f"data.store: path needs images that are files of their own; here those of {config.data.source} lie inside "
            "other files: leave it out, so that the image table holds their bytes"
        )
    root = source.reader.root
    if in_ray_job() and "://" not in root.uri and Path(root.uri).is_relative_to(Path.cwd()):
        raise DataError(
            f"data.store: path cannot refer to files in {root.uri}, a Ray job's folder, which goes with it: give a "
            "folder that every node reaches, or a URI, or leave it out"
        )
    return root


def _find(run: Run, identity: str) -> Folder | None:
    """A finished table of this identity: the one that the run refers to, or any other run's."""
    tables = run.shared.child("images")
    others = (tables.child(name) for name in tables.names() if name.startswith(identity))
    finished = ((folder, folder.finished(identity)) for folder in (run.images, *others))
    return next((folder for folder, record in finished if record and _is_whole(folder, record)), None)


def _is_whole(folder: Folder, record: Mapping[str, Any]) -> bool:
    """Whether the files of a finished table are there and can be opened; images are not read."""
    try:
        for split, expected in record["images"].items():
            place = folder.child(TABLE, split)
            found = sum(table.num_rows for _, table in place.read_tables(place.tables(), ["label"]))
            check_count(folder, split, found, expected)
        folder.read_table(QUARANTINE)
    except DamagedError as error:
        notice(f"{error.place} is damaged ({error.reason}): the image table is mended")
        return False
    return True


def _folder(run: Run, identity: str) -> Folder:
    """Where this run makes the table: found again after a kill, and no other run's."""
    return run.shared.child("images", f"{identity}-{hashlib.sha256(run.name.encode()).hexdigest()[:8]}")


def _build(
    config: Config, run: Run, source: Source, identity: str, progress: Callable[[int, int], None], spread: Spread
) -> Folder:
    """Have all parts read; the record of the table, by which other runs find it, comes last.

    No folder is renamed, since object stores cannot do that at once. Two runs that make the same table at the same time
    each end with a whole one; at worst both stay, and `mmkd gc` finds the one that nobody refers to.
    """
    folder = _folder(run, identity)
    folder.delete_file(RECORD)  # of a damaged table: nobody reads it while it is mended
    parts, total = Remaining(source, frozenset(read_parts(folder)), _earlier(config, run)), len(source)
    done = total - parts.images

    def tick(images: int) -> None:
        nonlocal done
        done += images
        progress(done, total)

    limit, files = getattr(config.data, "max_pixels", None), _files_to_refer_to(config, source)
    columns = schema.images(
        has_groups=bool(source.group_kind), has_boxes=isinstance(source, HasBoxes), as_places=files is not None
    )
    spread(PartReader(folder, source.reader, columns, limit, run.images, files), parts, tick)
    facts = _finish(config, run, source, folder)
    if other := _find(run, identity):
        folder.delete()
        return other
    folder.finish(identity, **facts)
    return folder


def _earlier(config: Config, run: Run) -> dict[str, tuple[str, str]]:
    """What the run's present table holds, if its settings were the same."""
    record = run.images.record()
    return held_images(run.images) if record and record.get("settings") == settings_identity(config) else {}


def _finish(config: Config, run: Run, source: Source, folder: Folder) -> dict[str, Any]:
    """Check what was read and describe it: quarantine, duplicates, and what the record will say."""
    digest, by_split, train_labels, bad = hashlib.sha256(), Counter[str](), set[int](), []
    for row in _read_in_order(folder):
        if row["reason"] is not None:
            bad.append({"path": row["image_id"], "reason": row["reason"]})
            continue
        digest.update(f"{row['image_id']}\0{row['sha256']}\0{row['label']}\0{row['split']}\n".encode())
        by_split[row["split"]] += 1
        if row["split"] == "train":
            train_labels.add(row["label"])
    quarantine, place = pa.Table.from_pylist(bad, schema=schema.QUARANTINE), f"{run.folder.uri}/{UNREADABLE}"
    folder.write_table(QUARANTINE, quarantine)
    try:
        _check_bad(bad, len(source), config.extract.max_bad_fraction, place)
        if not isinstance(source, HasBoxes):
            _check_classes(train_labels, source.class_names, place)
        _check_measurable(by_split)
    except DataError:
        run.folder.write_table(UNREADABLE, quarantine)  # the table itself does not stay
        folder.delete()
        raise
    boxes = {}
    if isinstance(source, HasBoxes):
        digest.update(source.boxes_digest.encode())
        folder.write_table(BAD_BOXES, pa.Table.from_pylist(source.bad_boxes, schema=schema.BAD_BOXES))
        boxes = {"boxes": source.boxes, "bad_boxes": len(source.bad_boxes)}
    return {
        "settings": settings_identity(config),
        "images": dict(by_split),
        "class_names": list(source.class_names),
        "quarantined": len(bad),
        **boxes,
        **list_leaks(folder, by_split, has_objects=source.group_kind == "object"),
        "digest": digest.hexdigest()[:16],
    }


def _read_in_order(folder: Folder) -> Iterator[dict[str, Any]]:
    """What was read of each image, in the order of the source, whatever part and split it is in."""

    def of_split(split: str) -> Iterator[dict[str, Any]]:
        place = folder.child(PARTS, split)
        for _, table in place.read_tables(place.tables()):
            yield from table.to_pylist()

    return heapq.merge(*map(of_split, folder.child(PARTS).names()), key=lambda row: row["place"])


def _bad_lines(bad: list[dict[str, str]], place: str) -> list[str]:
    """The first images that cannot be read, for a person."""
    lines = [f"cannot be read: {image['path']}: {image['reason']}" for image in bad[:_SHOWN]]
    return [*lines, f"and {len(bad) - _SHOWN:,} more, in {place}"] if len(bad) > _SHOWN else lines


def _check_bad(bad: list[dict[str, str]], total: int, limit: float, place: str) -> None:
    if len(bad) > limit * total:
        shown = "; ".join(f"{image['path']}: {image['reason']}" for image in bad[:3])
        raise DataError(
            f"{len(bad)} of {total} images cannot be read, more than extract.max_bad_fraction = {limit} allows "
            f"({shown}); all are listed in {place}: mend or remove them, or raise that limit"
        )


def _check_classes(train_labels: set[int], class_names: tuple[str, ...], place: str) -> None:
    missing = [name for label, name in enumerate(class_names) if label not in train_labels]
    if missing:
        raise DataError(
            f"no readable training image of {few(missing)}; {place} says why: add some, or remove the class"
        )


def _check_measurable(by_split: Counter[str]) -> None:
    if lacking := [name for split, name in (("val", "validation"), ("test", "test")) if not by_split[split]]:
        raise DataError(
            f"data: no {' and no '.join(lacking)} images, so that no student could be measured ({by_split['train']} to "
            "train on); give every class three readable images or more, or folders val/ and test/ with images"
        )
