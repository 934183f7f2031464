"""The images that students are measured on, as far as the intervals need to know them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int

from mmkd_ray.artifacts import Run
from mmkd_ray.data.table import read_splits


@dataclass(frozen=True)
class MeasuredImages:
    """The N images of one split, in the order of the image table."""

    image_ids: list[str]
    clusters_N: Int[np.ndarray, " N"]
    """Number of the object that each shows (`data.group`); all different where that is not known."""

    def in_order(self, values_N: Float64[np.ndarray, " N"], image_ids: list[str]) -> Float64[np.ndarray, " N"]:
        """Values that are in the order of `image_ids`, in this one's."""
        row = {image_id: place for place, image_id in enumerate(image_ids)}
        return values_N[[row[image_id] for image_id in self.image_ids]]


def read_measured_images(run: Run, splits: Iterable[str], *, has_groups: bool) -> dict[str, MeasuredImages]:
    """The images of some splits.

    Args:
        run: with its image table.
        splits: which.
        has_groups: whether the table has the column `group`.
    """
    columns = ["image_id", "group"] if has_groups else ["image_id"]
    return {split: _measured(read_splits(run, [split], columns=columns)) for split in splits}


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
