"""What splits share with training, the same bytes and the same objects: counted and listed for every image table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from mmkd_ray.artifacts import Folder
from mmkd_ray.data import duplicates, groups


def list_leaks(folder: Folder, splits: Iterable[str], *, has_groups: bool) -> dict[str, Any]:
    """Look for them, and list them beside the image table.

    Args:
        folder: of the image table, all of whose rows are written.
        splits: that have images.
        has_groups: whether the table has the column `group`.

    Returns:
        For its record: `duplicates` (see `find_duplicates`), and with groups `in_train_by_group` (see
        `find_shared_groups`).
    """
    columns = sorted({*duplicates.COLUMNS, *(groups.COLUMNS if has_groups else ())})
    images = pa.concat_tables([folder.child("table", split).read_table(columns=columns) for split in splits])
    counts, rows = duplicates.find_duplicates(images.select(duplicates.COLUMNS))
    folder.write_table(duplicates.DUPLICATES, rows)
    if not has_groups:
        return {"duplicates": counts}
    in_train, rows = groups.find_shared_groups(images.select(groups.COLUMNS))
    folder.write_table(groups.SHARED_GROUPS, rows)
    return {"duplicates": counts, "in_train_by_group": in_train}


def leak_lines(record: Mapping[str, Any], folder: Folder) -> list[str]:
    """What to tell a person about them; nothing if there are none.

    Args:
        record: of the image table.
        folder: of the image table.
    """
    return [
        *duplicates.duplicate_lines(record["duplicates"], f"{folder.uri}/{duplicates.DUPLICATES}"),
        *groups.shared_group_lines(record, f"{folder.uri}/{groups.SHARED_GROUPS}"),
    ]
