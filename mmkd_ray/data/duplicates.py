"""The same bytes in two splits or two classes: a test on what was trained on, or labels that contradict each other."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

DUPLICATES = "duplicates.parquet"
"""Beside the image table: every image whose bytes are in two splits or two classes, equal ones one after the other."""


def find_duplicates(images: pa.Table) -> tuple[dict[str, int], pa.Table]:
    """Images of the same bytes in places that should have none in common.

    Args:
        images: `sha256`, `image_id`, `split` and `class_name` of the image table.

    Returns:
        The number of different pictures that are in more than one split (`across_splits`) and in more than one class
        (`across_classes`); and the rows of all these.
    """
    places = images.group_by("sha256").aggregate([("split", "count_distinct"), ("class_name", "count_distinct")])
    across = {kind: places[f"{kind}_count_distinct"].to_numpy() > 1 for kind in ("split", "class_name")}
    hashes = places.filter(pa.array(across["split"] | across["class_name"]))["sha256"]
    rows = images.filter(pc.field("sha256").isin(hashes.combine_chunks()))
    counts = {"across_splits": int(across["split"].sum()), "across_classes": int(across["class_name"].sum())}
    return counts, rows.sort_by([(key, "ascending") for key in ("sha256", "image_id", "split", "class_name")])
