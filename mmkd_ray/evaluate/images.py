"""The images that students are measured on, as far as the intervals need to know them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int

from mmkd_ray.artifacts import Run
from mmkd_ray.data.table import read_splits

NO_GROUP = "no group"
"""Name of the subgroup of images that have none."""


@dataclass(frozen=True)
class MeasuredImages:
    """The N images of one split, in the order of the image table."""

    image_ids: list[str]
    clusters_N: Int[np.ndarray, " N"]
    """Number of the object that each shows (`data.group`); all different where that is not known."""
    subgroups: list[str] | None = None
    """The subgroup of each, where images have some that results are told apart by."""

    def in_order(self, values_N: Float64[np.ndarray, " N"], image_ids: list[str]) -> Float64[np.ndarray, " N"]:
        """Values that are in the order of `image_ids`, in this one's."""
        row = {image_id: place for place, image_id in enumerate(image_ids)}
        return values_N[[row[image_id] for image_id in self.image_ids]]


def read_measured_images(
    run: Run, splits: Iterable[str], *, has_groups: bool, has_subgroups: bool = False
) -> dict[str, MeasuredImages]:
    """The images of some splits.

    Args:
        run: with its image table.
        splits: which.
        has_groups: whether the table's column `group` names the object that an image shows.
        has_subgroups: whether it names the subgroup of an image.
    """
    found = {}
    for split in splits:
        table = read_splits(
            run, [split], columns=["image_id", "group"] if has_groups or has_subgroups else ["image_id"]
        )
        found[split] = _measured(table.select(["image_id"]) if has_subgroups else table)
        if has_subgroups:
            found[split] = replace(found[split], subgroups=[group or NO_GROUP for group in table["group"].to_pylist()])
    return found


def count_subgroups(run: Run, split: str) -> dict[str, int]:
    """How many images of a split each subgroup has."""
    groups = read_splits(run, [split], columns=["group"])["group"].to_pylist()
    return dict(Counter(group or NO_GROUP for group in groups))


def _measured(table: pa.Table) -> MeasuredImages:
    own = table["image_id"].to_pylist()
    if "group" not in table.column_names:
        return MeasuredImages(own, np.arange(len(own)))
    # An image without a group is an object of its own, and may be called like another's group.
    names = [
        (group, None) if group is not None else (None, row) for row, group in enumerate(table["group"].to_pylist())
    ]
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return MeasuredImages(own, np.array([number[name] for name in names], dtype=np.int64))
