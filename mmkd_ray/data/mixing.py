"""MixUp and CutMix of a batch: images are mixed with their neighbours, and all that is taught of them alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mmkd_ray.config import TrainConfig


@dataclass(frozen=True)
class Mix:
    """How each image of a batch is mixed with the one before it, as torchvision's MixUp and CutMix do.

    What is mixed comes with one row more than the batch, the neighbour of its first image.
    """

    own: float
    """Share of the image itself; with `centre`, before the rectangle is cut off at the image's edges."""
    centre: tuple[float, float] | None = None
    """Of the rectangle that is pasted (CutMix), from left and from top as shares of the sides; None for MixUp."""

    def images(self, images_B1CHW: Float[Tensor, "B1 C H W"]) -> Float[Tensor, "B C H W"]:
        """The mixed images."""
        own_BCHW, other_BCHW = images_B1CHW[1:], images_B1CHW[:-1]
        if self.centre is None:
            return own_BCHW * self.own + other_BCHW * (1 - self.own)
        left, top, right, bottom = self._box(images_B1CHW.shape[2])
        mixed_BCHW = own_BCHW.clone()
        mixed_BCHW[..., top:bottom, left:right] = other_BCHW[..., top:bottom, left:right]
        return mixed_BCHW

    def targets(self, targets_B1N: Float[Tensor, "B1 N"], *, size: int) -> Float[Tensor, "B N"]:
        """The mixed targets of images of `size` pixels a side; nan where one of both is nan."""
        own = self.own
        if self.centre is not None:
            left, top, right, bottom = self._box(size)
            own = 1 - (right - left) * (bottom - top) / size**2
        return own * targets_B1N[1:] + (1 - own) * targets_B1N[:-1]

    def _box(self, size: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the rectangle in pixels."""
        assert self.centre is not None, "a rectangle has one"
        half = int(0.5 * math.sqrt(1 - self.own) * size)
        x, y = (int(share * size) for share in self.centre)
        return max(x - half, 0), max(y - half, 0), min(x + half, size), min(y + half, size)


def draw_mix(config: TrainConfig, *seeds: int) -> Mix | None:
    """How one global batch is mixed, if the recipe mixes.

    Args:
        config: the recipe.
        seeds: the only source of randomness.
    """
    if not (config.mixup or config.cutmix):
        return None
    generator = np.random.default_rng(seeds)
    pasted = generator.random() < 0.5 if config.mixup and config.cutmix else bool(config.cutmix)
    alpha = config.cutmix if pasted else config.mixup
    own = float(generator.beta(alpha, alpha))
    return Mix(own, (generator.random(), generator.random()) if pasted else None)
