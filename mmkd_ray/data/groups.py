"""Objects (`data.group`) that are shown in training and in another split: a test on what was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

SHARED_GROUPS = "shared_groups.parquet"
"""Beside the image table where `data.group` is set: every image whose object is shown in training and in another split,
object by object."""
COLUMNS = ["group", "split", "class_name", "image_id"]


def find_shared_groups(images: pa.Table) -> tuple[dict[str, int], pa.Table]:
    """Images of other splits whose object is shown in training.

    Args:
        images: the `COLUMNS` of the image table.

    Returns:
        By split, the number of its images whose object is in train, for every split but train; and the rows of all
        these with those of train that show the same objects.
    """
    in_train = images.filter(pc.field("split") == "train")["group"].unique().drop_null()
    others = images.filter(pc.field("split") != "train")
    shown = others.filter(pc.field("group").isin(in_train))
    counts = dict.fromkeys(others["split"].unique().to_pylist(), 0)
    counts |= {row["values"]: row["counts"] for row in shown["split"].value_counts().to_pylist()}
    rows = images.filter(pc.field("group").isin(shown["group"].unique()))
    return counts, rows.sort_by([(key, "ascending") for key in COLUMNS])


def shared_group_lines(record: Mapping[str, Any], place: str) -> list[str]:
    """What to tell about them; nothing if there are none.

    Args:
        record: of the image table.
        place: where they are listed.
    """
    return [
        f"{count:,} of {record['images'][split]:,} {split} images show an object that is in train, by data.group: "
        f"results on them are no test of anything new; listed in {place}"
        for split, count in (record.get("in_train_by_group") or {}).items()
        if count
    ]
