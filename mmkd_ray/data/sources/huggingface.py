"""Data sets of the Hugging Face hub, or local folders of them, as an image source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmkd_ray.cluster.hub import hub_address, is_set_offline, why_no_answer
from mmkd_ray.config import HuggingFaceData
from mmkd_ray.config.locations import absolute, masked
from mmkd_ray.data.sources.base import BadImage, Item
from mmkd_ray.data.sources.columns import find_columns, find_image_column, read_from
from mmkd_ray.data.sources.listed import Listed, ListedSource
from mmkd_ray.data.sources.listing import Found, read_file, reason
from mmkd_ray.data.sources.shards import find_shards
from mmkd_ray.errors import DataError, few, one_line

_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_local(config: HuggingFaceData) -> bool:
    """Whether it is a folder, so that nothing is looked up on the hub."""
    return Path(absolute(config.path)).exists()


@dataclass(frozen=True)
class HuggingFaceReader:
    """Reads images by split and row; each node loads the data set itself, from its cache or from the hub."""

    path: str
    """Local folder, or id on the hub."""
    subset: str
    revision: str
    """The commit, of the hub's."""
    version: int
    """Of a folder's files."""
    column: str

    def read(self, items: Sequence[Item]) -> Iterator[bytes | BadImage]:
        """The encoded bytes of each, as they were found.

        Raises:
            DataError: this node cannot load the data set.
        """
        splits = _load(self.path, self.subset, self.revision, self.version)
        views = {split: _arrow(splits[split], [self.column]) for split in {item.place[0] for item in items}}
        for item in items:
            split, row = item.place
            yield _encoded(views[split][row : row + 1][self.column][0].as_py(), item.image_id)


class HuggingFaceSource(ListedSource):
    """The rows of a data set, split by split; an image's id is its split and row."""

    def __init__(self, config: HuggingFaceData, _storage: str = "") -> None:
        """Load the data set, which downloads it if it is not in the cache, and read everything but the images.

        Raises:
            DataError: it cannot be loaded, or a column is missing or not what it should be.
        """
        path, version = (absolute(config.path), _version(config.path)) if is_local(config) else (config.path, 0)
        splits = _load(path, config.subset, config.revision, version)
        first = next(iter(splits.values()))
        known = pa.schema(first.features.arrow_schema)
        columns = find_columns(
            known.names, config.columns, required=("label",), optional=("split", "group"), place=config.path
        )
        image = find_image_column(known, config.columns.image, place=config.path)
        if image is None:
            raise DataError(f"{config.path} has no column of images; it has {few(known.names, most=12)}")
        used = list(columns.values())
        _check_columns(splits, [image, *used], config.path)
        tables = [_arrow(rows, used)[:] for rows in splits.values()]

        def read(role: str) -> list[Any]:
            return [value for table in tables for value in table[columns[role]].to_pylist()]

        commit = "" if version else _commit(first, config.revision)
        content = version or _number(commit or first._fingerprint)  # noqa: SLF001 (what it has)
        places = [(split, row) for split, rows in splits.items() for row in range(len(rows))]
        sizes = {split: _size(rows) for split, rows in splits.items()}
        listed = Listed(
            # A commit does not change, and has no time.
            [Found(f"{split}/{row}", sizes[split], modified_ns=content) for split, row in places],
            read("label"),
            read("split") if "split" in columns else [split for split, _ in places],
            read("group") if "group" in columns else (),
            places,
            tuple(getattr(first.features[columns["label"]], "names", None) or ()),
            read_from=read_from({"image": image, **columns}) + (f"; commit {commit}" if commit else ""),
        )
        reader = HuggingFaceReader(path, config.subset, commit or config.revision, version, image)
        super().__init__(config, reader, listed, place=config.path)


@lru_cache(maxsize=2)
def _load(path: str, subset: str, revision: str, version: int) -> Mapping[str, Any]:  # noqa: ARG001 (part of the key)
    """The splits of a data set, by name; loaded once by a process, as long as a folder is of one version.

    Raises:
        DataError: it cannot be loaded, or only another commit is in the cache.
    """
    import datasets  # noqa: PLC0415 (two seconds)  # pyrefly: ignore[missing-import]

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    folder = Path(path)
    unreached = "" if folder.exists() or is_set_offline() else why_no_answer()
    try:
        if (folder / "state.json").exists() or (folder / "dataset_dict.json").exists():
            loaded = datasets.load_from_disk(path)
        else:
            with _from_cache_alone(datasets.config) if unreached else nullcontext():
                loaded = datasets.load_dataset(path, subset or None, revision=revision or None)
    except Exception as error:  # its builders raise many kinds
        why = f"the hub {masked(hub_address())} does not answer: {unreached}" if unreached else one_line(error)
        raise DataError(
            f"data.path: '{path}' cannot be loaded by datasets ({why}); give a local folder, or the id "
            "of a data set on the hub that is in reach (HF_HUB_OFFLINE not set) or in this machine's cache; and "
            "data.subset where there are several"
        ) from error
    single = isinstance(loaded, datasets.Dataset)
    splits = {str(loaded.split or "train"): loaded} if single else {str(split): rows for split, rows in loaded.items()}
    if not any(len(rows) for rows in splits.values()):
        raise DataError(f"data.path: '{path}' has no rows")
    if not folder.exists():
        _commit(next(iter(splits.values())), revision)
    return splits


@contextmanager
def _from_cache_alone(config: Any) -> Iterator[None]:
    """Keep `datasets` from trying for a minute to reach a hub that does not answer, before it looks into its cache.

    Args:
        config: `datasets.config`. It and the hub's own library read the environment when they are imported, and these
            values at each request.
    """
    modules = (config, config.constants)
    before = [module.HF_HUB_OFFLINE for module in modules]
    try:
        for module in modules:
            module.HF_HUB_OFFLINE = True
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = value


def _commit(rows: Any, wanted: str) -> str:
    """The commit on the hub that was loaded; empty if that is not known.

    Raises:
        DataError: it is another one than `wanted`: without the hub, `datasets` takes any that is in the cache.
    """
    names = [Path(file["filename"]).parent.name for file in rows.cache_files]
    commit = next((name for name in names if _COMMIT.fullmatch(name)), "")
    if _COMMIT.fullmatch(wanted) and commit != wanted:
        raise DataError(
            f"data.revision: {wanted} is not in this machine's cache, which has {commit or 'another one'}, and the hub "
            "is out of reach: load it once with the hub in reach, or give the revision that is there"
        )
    return commit


def _check_columns(splits: Mapping[str, Any], columns: list[str], place: str) -> None:
    for split, rows in splits.items():
        if missing := [name for name in columns if name not in rows.column_names]:
            raise DataError(
                f"{place}: the split '{split}' has no column '{missing[0]}', as others have; it has "
                f"{few(rows.column_names, most=12)}"
            )


def _arrow(rows: Any, columns: list[str]) -> Any:
    """The columns as Arrow tables: what is not asked for is not read, and no image is decoded."""
    return rows.select_columns(columns).with_format("arrow")


def _size(rows: Any) -> int:
    """Bytes of a row, on average."""
    return int(rows.data.nbytes // max(len(rows.data), 1))


def _version(path: str) -> int:
    """Another number if the content of a folder may be another."""
    return _number([(file.path, file.size, file.modified_ns) for file in find_shards(path, ("",))[1]])


def _number(facts: Any) -> int:
    return int(hashlib.sha256(repr(facts).encode()).hexdigest()[:15], 16)


def _encoded(value: Any, image_id: str) -> bytes | BadImage:
    """An image, or `{bytes, path}`, of which one is enough."""
    encoded = value.get("bytes") if isinstance(value, dict) else value
    if encoded is None and isinstance(value, dict) and value.get("path"):
        try:
            return read_file(value["path"])
        except OSError as error:
            return BadImage(image_id, f"cannot be read: {value['path']}: {reason(error)}")
    return encoded if isinstance(encoded, bytes) else BadImage(image_id, "the row has no image")
