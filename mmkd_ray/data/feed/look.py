"""How a picture is seen: what a view, drawn for it, makes of it on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision.transforms import v2

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.feed.pictures import Pictures
from mmkd_ray.data.views import Views, resized_crop, sample


@dataclass(frozen=True)
class Look:
    """What the views of a training have in common."""

    config: TrainConfig
    size: int
    """S."""
    fill: tuple[int, ...] = (0, 0, 0)
    """What is erased becomes this colour."""

    def __call__(self, picture_3HW: UInt8[Tensor, "3 H W"], view: Views) -> Tensor:
        """One picture as it is seen, [3, S, S] with values in [0, 255], before it is brightened."""
        if self.config.views == "light":
            return sample(picture_3HW[None], view, size=self.size)[0]
        seen_3SS = resized_crop(picture_3HW, view, size=self.size)
        if not self.config.augments:
            return seen_3SS
        assert view.seeds_B is not None, "drawn for this configuration"
        # torchvision's transforms draw from the process's only generator.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(view.seeds_B[0]))
            return _augmentation(self.config, self.fill)(seen_3SS)


def seen(
    pictures: Pictures, look: Look, places: Sequence[int], views: Views, each: Callable[..., Iterable[Tensor]] = map
) -> Tensor:
    """The pictures at some places as they are seen, [B, 3, S, S] with values in [0, 255].

    Args:
        pictures: all there are.
        look: how they are seen.
        places: B of them.
        views: of these.
        each: `map`, or what does the same with threads.
    """
    images = each(lambda row: look(pictures.picture(places[row]), views[row : row + 1]), range(len(places)))
    if look.config.views == "light":
        return torch.stack(list(images))
    # Each has the values of a pixel together; so the batch has, as the student computes with it.
    return torch.stack([image_3SS.permute(1, 2, 0) for image_3SS in images]).permute(0, 3, 1, 2)


@lru_cache
def _augmentation(config: TrainConfig, fill: tuple[int, ...]) -> v2.Compose:
    """What follows crop and flip, in the order of torchvision's reference recipe."""
    steps: list[v2.Transform] = []
    if config.augment != "none":
        steps.append(v2.TrivialAugmentWide() if config.augment == "trivial" else v2.RandAugment())
    if config.colour_jitter:
        steps.append(v2.ColorJitter(config.colour_jitter, config.colour_jitter, config.colour_jitter))
    if config.erasing:
        colour: Any = list(fill)  # documented, but typed as a number
        steps.append(v2.RandomErasing(config.erasing, value=colour))
    return v2.Compose(steps)
