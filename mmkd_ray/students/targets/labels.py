"""The labels alone as targets of the class logits, smoothed or not; and what every source of class targets gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from mmkd_ray.config import Config
from mmkd_ray.students.model import Student


@dataclass(frozen=True)
class Provided:
    """What a source may ask for; nothing is read before it does."""

    class_answers: Callable[[], Float32[np.ndarray, "N C"]]
    """P(yes) to the question about each class, of the N training images; for `ClassSource.asks_classes`."""
    larger_student: Callable[[], Student]
    """Trained, frozen, in evaluation mode; for `ClassSource.larger_student`."""


@dataclass(frozen=True)
class Seen:
    """A step's batch, for a loss on the class logits."""

    images_BCHW: Float[Tensor, "B 3 H W"]
    """The views that the student sees."""
    labels_B: Int64[Tensor, " B"] | Float[Tensor, "B C"]
    """The classes; their shares where images are mixed."""
    targets_BC: Float[Tensor, "B C"] | None
    """`Labels.rows` of the batch."""
    forward: Callable[[Student, Tensor], tuple[Tensor, Tensor]]
    """Class and aspect logits of another student, in the recipe's precision."""


@dataclass(frozen=True)
class Labels:
    """Cross-entropy with the labels; a subclass adds a term."""

    label_smoothing: float = 0.0
    """Share of the label's probability that is spread over all classes."""

    @classmethod
    def make(cls, config: Config, provided: Provided) -> Self:
        """For the students of a configuration."""
        del provided
        return cls(config.train.label_smoothing)

    def to(self, device: torch.device) -> None:
        """Move what is needed in every step to a device."""

    def rows(self, rows_B: Int64[Tensor, " B"]) -> Float[Tensor, "B C"] | None:
        """Targets of a batch, on the CPU; called ahead of the step, by a thread of its own."""

    def term(self, class_logits_BC: Float[Tensor, "B C"], seen: Seen) -> Tensor | float:
        """What is added to the loss, weight included."""
        del class_logits_BC, seen
        return 0.0


@dataclass(frozen=True)
class SmoothedLabels(Labels):
    """The arm's own label smoothing in place of the recipe's."""

    @classmethod
    def make(cls, config: Config, provided: Provided) -> Self:
        """For the students of a configuration."""
        del provided
        return cls(config.study.label_smoothing)
