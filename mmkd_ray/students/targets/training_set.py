"""What one student is taught."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float32
from torch import Tensor

from mmkd_ray.data.feed.pixels import Feed, Pixels
from mmkd_ray.students.targets.labels import Labels


@dataclass(frozen=True)
class TrainingSet:
    """Images with their labels, and an arm's targets for the N training images; nan is not taught."""

    train: Feed
    val: Pixels
    aspect_targets_NQ: Float32[Tensor, "N Q"] | None = None
    mirrored_targets_NQ: Float32[Tensor, "N Q"] | None = None
    """The same for views that are flipped; there if the others are."""
    aspect_weights_Q: Float32[Tensor, " Q"] | None = None
    classes: Labels = field(default_factory=Labels)
    """What is taught of the classes."""
