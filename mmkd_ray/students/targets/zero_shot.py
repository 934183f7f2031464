"""The teacher's own class probabilities as targets of the class logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from mmkd_ray.config import Config
from mmkd_ray.students.losses import soft_cross_entropy
from mmkd_ray.students.targets.labels import Labels, Provided, Seen


@dataclass(frozen=True, kw_only=True)
class ZeroShot(Labels):
    """Labels, and cross-entropy with the teacher's class probabilities."""

    targets_NC: Float[Tensor, "N C"]
    weight: float

    @classmethod
    def make(cls, config: Config, provided: Provided) -> Self:
        """For the students of a configuration."""
        targets_NC = torch.from_numpy(class_probabilities(provided.class_answers()))
        return cls(config.train.label_smoothing, targets_NC=targets_NC, weight=config.train.kd_weight)

    def rows(self, rows_B: Int64[Tensor, " B"]) -> Float[Tensor, "B C"]:
        """The teacher's class probabilities; nan for an image that it could not be asked about."""
        return self.targets_NC[rows_B]

    def term(self, class_logits_BC: Float[Tensor, "B C"], seen: Seen) -> Tensor:
        """Weighted soft cross-entropy."""
        assert seen.targets_BC is not None, "the rows of this source"
        return self.weight * soft_cross_entropy(class_logits_BC, seen.targets_BC)


def class_probabilities(p_yes_NC: Float32[np.ndarray, "N C"]) -> Float32[np.ndarray, "N C"]:
    """The teacher's class probabilities from its P(yes) to the question of each class: they are made to sum to 1.

    nan for an image that the teacher could not be asked about.
    """
    return (p_yes_NC / p_yes_NC.sum(axis=1, keepdims=True).clip(min=1e-12)).astype(np.float32)
