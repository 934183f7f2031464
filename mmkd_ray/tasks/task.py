"""What a task is, and what a metric is: study, tune, evaluate and report know these and no task by name.

Light to import: torch and timm come with the functions that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64, Int64

from mmkd_ray.render.units import Unit
from mmkd_ray.students.card import TaskName

if TYPE_CHECKING:  # seconds of imports
    from torch import Tensor

    from mmkd_ray.config import StudentConfig
    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student


@dataclass(frozen=True)
class Metric:
    """A number that says how good a student is."""

    name: str
    """In tables and files: letters, digits, `_`."""
    title: str
    """For people, within a sentence."""
    unit: Unit
    """How its values are shown."""
    higher_is_better: bool

    @property
    def val_key(self) -> str:
        """Its name in a training's history: measured on the validation split after an epoch."""
        return f"val_{self.name}"

    @property
    def mode(self) -> Literal["max", "min"]:
        """What a search does with it."""
        return "max" if self.higher_is_better else "min"

    @property
    def worst(self) -> float:
        """A value that every measured one is better than."""
        return float("-inf") if self.higher_is_better else float("inf")

    def is_better(self, value: float, than: float) -> bool:
        """Whether a value is better than another one; equal ones are not."""
        return value > than if self.higher_is_better else value < than

    def best(self, values: Iterable[float]) -> float:
        """The best of some values, at least one."""
        return max(values) if self.higher_is_better else min(values)


@dataclass(frozen=True)
class Named:
    """The class that a student names for each of N images."""

    class_N: Int64[np.ndarray, " N"]
    confidence_N: Float64[np.ndarray, " N"]
    """Its probability."""
    right_N: Bool[np.ndarray, " N"]


class Images(Protocol):
    """N images that predictions are made of."""

    @property
    def image_ids(self) -> list[str]:
        """Of each image."""
        ...

    @property
    def splits(self) -> list[str]:
        """Likewise."""
        ...

    @property
    def labels_N(self) -> Int64[Tensor, " N"]:  # noqa: N802 (the shape)
        """Likewise."""
        ...

    @property
    def in_batches(self) -> Callable[[int], Iterator[Tensor]]:
        """Given the size of a batch: all images in order, uint8 or float in [0, 1], [B, 3, S, S]."""
        ...


class Task(Protocol):
    """One task. Its predictions are a table with one row an image that has at least `image_id` and `split`."""

    @property
    def name(self) -> TaskName:
        """In bundles."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """How good the predictions for a split are."""
        ...

    @property
    def trust(self) -> tuple[Metric, ...]:
        """How far a student's own confidence can be trusted."""
        ...

    @property
    def primary(self) -> Metric:
        """One of them: what is validated on, what a search looks for, what a report compares."""
        ...

    def build(self, config: StudentConfig, *, classes: int, aspects: int) -> Student:
        """A student with C class outputs and Q aspect outputs; its weights come from torch's global generator.

        Raises:
            StudentError: it cannot be built.
        """
        ...

    def validate(self, student: Student, val: Pixels, total: Callable[[Tensor], Tensor]) -> float:
        """The primary metric of a student on the images of all workers that train it.

        Args:
            student: the same for all of them.
            val: this worker's share; it may be empty.
            total: sums a tensor over the workers; each must call it in the same way.
        """
        ...

    def predict(self, students: Sequence[Student], images: Images) -> list[pa.Table]:
        """What each of some students says of these images, in their order."""
        ...

    def calibrate(self, predictions: pa.Table) -> float:
        """What makes confidences fit: fitted on the predictions for clean images of the validation split."""
        ...

    def measure(self, predictions: pa.Table, *, calibrated_by: float) -> dict[str, float]:
        """Each of `metrics` and `trust`, by its name, of the predictions for one split.

        Args:
            predictions: at least one.
            calibrated_by: what `calibrate` gave for the same student.
        """
        ...

    def restrict(self, predictions: pa.Table) -> pa.Table:
        """The same predictions where the classes alone that occur among their labels can be named."""
        ...

    def score_images(self, predictions: pa.Table) -> Float64[np.ndarray, " N"] | None:
        """What each image contributes to the primary metric, which is the mean of it; None if it is no such mean."""
        ...

    def name_classes(self, predictions: pa.Table) -> Named | None:
        """The class that is named for each image; None where an image has no such class."""
        ...

    def measure_classes(self, predictions: pa.Table) -> list[float]:
        """The primary metric of each class; nan for a class that does not occur."""
        ...
