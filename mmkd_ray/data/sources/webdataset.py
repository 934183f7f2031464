"""Tar files of samples (the WebDataset format) as an image source."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mmkd_ray.config import WebDatasetData
from mmkd_ray.data.sources.columns import find_columns, read_from
from mmkd_ray.data.sources.listed import Listed, ListedSource
from mmkd_ray.data.sources.listing import Found, checked
from mmkd_ray.data.sources.shards import find_shards, splits_of_shards
from mmkd_ray.data.sources.tars import Sample, TarReader, read_samples
from mmkd_ray.errors import DataError, few

_LOOKED_AT = 100
"""Samples that say which files and fields there are."""
_OPENED = 8
"""Tar files whose headers are read at a time."""


class WebDatasetSource(ListedSource):
    """The samples of tar files, file by file; an image's id is its tar file and its name there."""

    def __init__(self, config: WebDatasetData, _storage: str = "") -> None:
        """Read the headers of all tar files, and the labels.

        Raises:
            DataError: there are none, one is not whole, or samples have no label or no image.
        """
        root, shards = find_shards(config.path, (".tar", ".tar.gz", ".tgz"))
        if packed := [shard.path for shard in shards if not shard.path.lower().endswith(".tar")]:
            raise DataError(
                f"data.path: {few(packed)} in '{config.path}' cannot be read from the middle, since they are "
                "compressed: uncompress them, e.g. by gunzip (images are compressed already)"
            )
        seen = read_samples(root, shards[0], None, _LOOKED_AT)
        columns = _columns(seen, config)
        kept = tuple(columns.values())
        with ThreadPoolExecutor(_OPENED) as pool:
            samples = list(pool.map(lambda shard: read_samples(root, shard, kept, None), shards))
        rows = [(shard, sample) for shard, held in zip(shards, samples, strict=True) for sample in held]
        words = splits_of_shards([shard.path for shard in shards])
        images = [_image(shard, sample, config.columns.image) for shard, sample in rows]

        def read(role: str) -> list[Any]:
            return [sample.values.get(columns[role]) for _, sample in rows]

        of_shards = [word for word, held in zip(words, samples, strict=True) for _ in held]
        listed = Listed(
            [found for found, _ in images],
            read("label"),
            read("split") if "split" in columns else of_shards,
            read("group") if "group" in columns else (),
            [place for _, place in images],
            read_from=read_from(columns),
        )
        super().__init__(config, TarReader(root), listed, place=config.path)


def _columns(seen: Sequence[Sample], config: WebDatasetData) -> dict[str, str]:
    """Which files and fields of a sample are used: `cls` for the label where there is one, `txt` if nothing else is."""
    if not seen:
        raise DataError(f"data.path: the tar files in '{config.path}' hold no images (jpg, png, webp, ...)")
    present = list(dict.fromkeys(name for sample in seen for name in sample.values))
    named = config.columns
    usual = "cls" if "cls" in present else ""
    if not named.label and not usual and present == ["txt"]:
        usual = "txt"
    if usual and not named.label:
        named = named.model_copy(update={"label": usual})
    return find_columns(present, named, required=("label",), optional=("split", "group"), place=config.path)


def _image(shard: Found, sample: Sample, named: str) -> tuple[Found, tuple[str, int, int]]:
    """Id and place of a sample's image."""
    if named and named not in sample.images:
        raise DataError(
            f"data.columns.image: the sample '{sample.key}' of {shard.path} has no '{named}'; it has "
            f"{few(sample.images)}"
        )
    endings = [named] if named else [ending for ending in sample.images if "." not in ending] or list(sample.images)
    if len(endings) > 1:
        raise DataError(
            f"data.path: the sample '{sample.key}' of {shard.path} has {len(endings)} images ({few(endings)}); say "
            f"which one by data.columns.image={endings[0]}"
        )
    member = sample.images[endings[0]]
    found = Found(f"{shard.path}/{member.name}", member.size, shard.modified_ns, member.problem)
    return checked(found), (shard.path, member.offset, member.size)
