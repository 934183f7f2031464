"""Waterbirds, a data set of groups, as an image source."""

from __future__ import annotations

from mmkd_ray.config import WaterbirdsData
from mmkd_ray.data.sources.files import FileReader, FileSource, ImageFile, open_root
from mmkd_ray.data.sources.paths import find_paths
from mmkd_ray.data.sources.rows import rows_in
from mmkd_ray.errors import DataError, few

_LIST = "metadata.csv"
_VALUES = {
    "y": {"0": "landbird", "1": "waterbird"},
    "place": {"0": "land", "1": "water"},
    "split": {"0": "train", "1": "val", "2": "test"},
}
"""What the numbers in the columns mean, by the authors' code (group_DRO, data/cub_dataset.py)."""
_FOLDERS = ("waterbird_complete95_forest2water2", "waterbirds_v1.0")
"""Where the list may lie, if not in the folder itself: the names that its archives unpack to."""


class WaterbirdsSource(FileSource):
    """The images of `metadata.csv`, in the published splits; an image's group is its class and its background."""

    def __init__(self, config: WaterbirdsData) -> None:
        """Read the list, and look at the files.

        Raises:
            DataError: the list is not there or has other columns or values, or none of its images is there.
        """
        expected = f"expected {config.path}/{_LIST} with img_filename, y, place, split: unpack the archive of the set"
        top = open_root(config.path, expected)
        root = next((folder for folder in (top, *map(top.child, _FOLDERS)) if folder.exists(_LIST)), None)
        if root is None:
            raise DataError(f"data.path: '{config.path}' has no {_LIST}; {expected}")
        rows = rows_in(root, _LIST, root.place(_LIST))
        if missing := [name for name in ("img_filename", *_VALUES) if name not in rows.columns]:
            raise DataError(f"data.path: {_LIST} has no column '{missing[0]}'; it has {few(rows.columns)}; {expected}")
        read = {column: _meant(column, rows.read(column), expected) for column in _VALUES}
        found = find_paths(rows.read("img_filename"), root, place=rows.place, column="img_filename")
        files = [
            ImageFile(file, split, bird, f"{bird} on {place}")
            for file, split, bird, place in zip(found, read["split"], read["y"], read["place"], strict=True)
        ]
        names = tuple(_VALUES["y"].values())
        super().__init__(FileReader(root), files, names, path=config.path, group_kind="subgroup")


def _meant(column: str, values: list[str], expected: str) -> list[str]:
    accepted = _VALUES[column]
    if strange := next((value for value in values if value not in accepted), None):
        raise DataError(
            f"data.path: '{column}' of {_LIST} has '{strange}'; accepted are {', '.join(accepted)}; {expected}"
        )
    return [accepted[value] for value in values]
