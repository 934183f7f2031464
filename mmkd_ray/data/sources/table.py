"""A table of images (CSV, JSONL, Parquet: a path and a label in each row) as an image source."""

from __future__ import annotations

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import TableData
from mmkd_ray.data.sources.columns import find_columns, read_from
from mmkd_ray.data.sources.files import FileReader
from mmkd_ray.data.sources.listed import Listed, ListedSource
from mmkd_ray.data.sources.paths import find_paths
from mmkd_ray.data.sources.rows import read_rows


class TableSource(ListedSource):
    """The images that a table lists, in its order; an image's id is its path as it stands there."""

    def __init__(self, config: TableData, _storage: str = "") -> None:
        """Read the table and look at the files, without opening them.

        Raises:
            DataError: a column is missing, a row has no path or label, an image is listed twice, or none is found.
        """
        rows = read_rows(config.path)
        columns = find_columns(
            rows.columns, config.columns, required=("path", "label"), optional=("split", "group"), place=rows.place
        )
        root = Folder.at(config.root) if config.root else rows.folder
        found = find_paths(rows.read(columns["path"]), root, place=rows.place, column=columns["path"])
        listed = Listed(
            found,
            rows.read(columns["label"]),
            rows.read(columns["split"]) if "split" in columns else ["train"] * len(found),
            rows.read(columns["group"]) if "group" in columns else (),
            read_from=read_from(columns),
        )
        super().__init__(config, FileReader(root), listed, place=rows.place)
