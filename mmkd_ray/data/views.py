"""Random crop, flip and brightness: drawn for a whole batch, applied to many squares at once or to one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor
from torch.nn.functional import grid_sample
from torchvision.transforms.v2 import functional as torchvision

_RATIOS = (3 / 4, 4 / 3)
"""Width over height of a crop, at least and at most: torchvision's."""


@dataclass(frozen=True)
class Views:
    """Crop, flip and brightness of each of B images, drawn for a whole global batch: independent of worker count."""

    scale_B2: Float[Tensor, "B 2"]
    """Width and height of the crop, as a share of the image's."""
    centre_B2: Float[Tensor, "B 2"]
    """Centre of the crop, in [-1, 1] from left to right and from top to bottom."""
    flipped_B: Bool[Tensor, " B"]
    brightness_B: Float[Tensor, " B"]
    seeds_B: Int64[Tensor, " B"] | None = None
    """Of what follows crop and flip, if something does."""

    def __getitem__(self, rows: slice | Tensor) -> Views:
        """The views of some of the images."""
        seeds_B = None if self.seeds_B is None else self.seeds_B[rows]
        return Views(self.scale_B2[rows], self.centre_B2[rows], self.flipped_B[rows], self.brightness_B[rows], seeds_B)


def draw_views(
    count: int,
    *,
    crop_scale: tuple[float, float],
    flip: float,
    brightness: float,
    crop: Literal["clamp", "redraw"] = "clamp",
    seeds: bool = False,
    ratios_B: Float[Tensor, " B"] | None = None,
    generator: torch.Generator,
) -> Views:
    """Draw the views of a batch. A crop has an area in `crop_scale` and an aspect ratio of 3/4 to 4/3.

    Such a crop may be wider or higher than the image. `redraw` does then what torchvision's RandomResizedCrop does,
    except that it does not round to whole pixels. With `clamp`, that side is cut to the image's: crops of squares
    become larger (with areas from 0.5 to 1, 0.74 of the image on average and not 0.69), and a quarter of them show its
    whole width or height.

    Args:
        count: B.
        crop_scale: range of the crop's area as a share of the image's.
        flip: probability of a horizontal flip.
        brightness: the factor lies in 1 +- this.
        crop: what is done with a crop that the image does not hold.
        seeds: whether seeds of what follows are drawn.
        ratios_B: width over height of each image; all are squares if unset.
        generator: the only source of randomness.
    """
    ratios_B = torch.ones(count) if ratios_B is None else ratios_B
    uniform = torch.rand(6, count, generator=generator)
    if crop == "redraw":
        scale_B2, held_B = _redrawn(ratios_B, crop_scale, generator)
    else:
        scale_B2, held_B = _crops(uniform[0], uniform[1], crop_scale, ratios_B).clamp(max=1.0), ratios_B > 0
    centre_B2 = (1 - scale_B2) * (2 * uniform[2:4].T - 1) * held_B[:, None]
    seeds_B = torch.randint(2**62, (count,), generator=generator) if seeds else None
    return Views(scale_B2, centre_B2, uniform[4] < flip, 1 + brightness * (2 * uniform[5] - 1), seeds_B)


def _crops(
    area_uniform: Float[Tensor, "*B"],
    ratio_uniform: Float[Tensor, "*B"],
    crop_scale: tuple[float, float],
    ratios: Float[Tensor, "*B"],
) -> Float[Tensor, "*B 2"]:
    """Width and height of crops as a share of the image's, some of them more than 1."""
    area = crop_scale[0] + (crop_scale[1] - crop_scale[0]) * area_uniform
    ratio = torch.exp(torch.log(torch.tensor(_RATIOS[1])) * (2 * ratio_uniform - 1))
    return torch.stack([torch.sqrt(area * ratio / ratios), torch.sqrt(area / ratio * ratios)], dim=-1)


def _redrawn(
    ratios_B: Float[Tensor, " B"], crop_scale: tuple[float, float], generator: torch.Generator
) -> tuple[Float[Tensor, "B 2"], Bool[Tensor, " B"]]:
    """The first of ten crops that the image holds, and whether it holds one (torchvision's `get_params`).

    If it holds none, the crop is the image, or the largest one in its middle of a possible ratio.
    """
    uniform = torch.rand(2, len(ratios_B), 10, generator=generator)
    crops_BT2 = _crops(uniform[0], uniform[1], crop_scale, ratios_B[:, None])
    fits_BT = (crops_BT2 <= 1).all(dim=-1)
    first_B = fits_BT.int().argmax(dim=1)
    scale_B2 = crops_BT2[torch.arange(len(ratios_B)), first_B]
    middle_B2 = torch.stack([_RATIOS[1] / ratios_B, ratios_B / _RATIOS[0]], dim=-1).clamp(max=1.0)
    return torch.where(fits_BT.any(dim=1, keepdim=True), scale_B2, middle_B2), fits_BT.any(dim=1)


def apply_views(images_BCHW: UInt8[Tensor, "B 3 H W"], views: Views, *, size: int) -> Float[Tensor, "B 3 S S"]:
    """Crop, flip and brighten the images; values in [0, 1], S = `size` pixels, bilinear."""
    return brighten(sample(images_BCHW, views, size=size), views)


def brighten(images_BCHW: Tensor, views: Views) -> Float[Tensor, "B 3 H W"]:
    """Images with values in [0, 255] brightened; values in [0, 1]. Those of floats are changed in place."""
    factors_B = views.brightness_B.to(images_BCHW.device) / 255
    return images_BCHW.float().mul_(factors_B.view(-1, 1, 1, 1)).clamp_(0, 1)


def sample(images_BCHW: UInt8[Tensor, "B 3 H W"], views: Views, *, size: int) -> Float[Tensor, "B 3 S S"]:
    """Crop and flip images; values in [0, 255], S = `size` pixels, bilinear, as one resampling."""
    device = images_BCHW.device
    # Without rotation the grid is a product of columns and rows: a sixth of the time of torch's `affine_grid`.
    pixel_S = (2 * torch.arange(size) + 1) / size - 1
    sign_B = torch.where(views.flipped_B, -1.0, 1.0)
    x_BS = (views.scale_B2[:, 0] * sign_B)[:, None] * pixel_S + views.centre_B2[:, :1]
    y_BS = views.scale_B2[:, 1:] * pixel_S + views.centre_B2[:, 1:]
    grid = torch.empty(len(images_BCHW), size, size, 2, device=device)
    grid[..., 0] = x_BS.to(device)[:, None, :]
    grid[..., 1] = y_BS.to(device)[:, :, None]
    return grid_sample(images_BCHW.float(), grid, padding_mode="reflection", align_corners=False)


def resized_crop(picture_3HW: UInt8[Tensor, "3 H W"], view: Views, *, size: int) -> UInt8[Tensor, "3 S S"]:
    """Crop one picture to whole pixels, resize it with antialiasing, bilinear, and flip it.

    Args:
        picture_3HW: on the CPU.
        view: of one image.
        size: S.
    """
    left, width = _whole_pixels(view.scale_B2[0, 0].item(), view.centre_B2[0, 0].item(), picture_3HW.shape[2])
    top, height = _whole_pixels(view.scale_B2[0, 1].item(), view.centre_B2[0, 1].item(), picture_3HW.shape[1])
    crop_3HW = picture_3HW[:, top : top + height, left : left + width]
    # torch resizes bytes two to three times faster where the three values of a pixel lie together.
    together_3HW = crop_3HW[None].contiguous(memory_format=torch.channels_last)[0]
    seen = torchvision.resize(together_3HW, [size, size], antialias=True)
    return seen.flip(2) if view.flipped_B.item() else seen


def _whole_pixels(scale: float, centre: float, side: int) -> tuple[int, int]:
    """Beginning and length of a crop along a side of so many pixels."""
    length = min(max(round(scale * side), 1), side)
    begin = round((centre + 1) / 2 * side - length / 2)
    return min(max(begin, 0), side - length), length
