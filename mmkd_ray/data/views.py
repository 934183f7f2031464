"""Random crop, flip and brightness of a batch of images, as one resampling on the batch's device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn.functional import grid_sample


@dataclass(frozen=True)
class Views:
    """Crop, flip and brightness of each of B images, drawn for a whole global batch: independent of worker count."""

    scale_B2: Float[Tensor, "B 2"]
    """Width and height of the crop, as a share of the image's."""
    centre_B2: Float[Tensor, "B 2"]
    """Centre of the crop, in [-1, 1] from left to right and from top to bottom."""
    flipped_B: Bool[Tensor, " B"]
    brightness_B: Float[Tensor, " B"]

    def __getitem__(self, rows: slice) -> Views:
        """The views of some of the images."""
        return Views(self.scale_B2[rows], self.centre_B2[rows], self.flipped_B[rows], self.brightness_B[rows])


def draw_views(
    count: int,
    *,
    crop_scale: tuple[float, float],
    flip: float,
    brightness: float,
    crop: Literal["clamp", "redraw"] = "clamp",
    generator: torch.Generator,
) -> Views:
    """Draw the views of a batch. A crop has an area in `crop_scale` and an aspect ratio of 3/4 to 4/3.

    Such a crop may be wider or higher than the image. `redraw` does then what torchvision's RandomResizedCrop does,
    except that it does not round to whole pixels. With `clamp`, that side is cut to the image's: crops become larger
    (with areas from 0.5 to 1, 0.74 of the image on average and not 0.69), and a quarter of them show its whole width or
    height.

    Args:
        count: B.
        crop_scale: range of the crop's area as a share of the image's.
        flip: probability of a horizontal flip.
        brightness: the factor lies in 1 +- this.
        crop: what is done with a crop that the image does not hold.
        generator: the only source of randomness.
    """
    uniform = torch.rand(6, count, generator=generator)
    if crop == "redraw":
        scale_B2 = _redrawn(count, crop_scale, generator)
    else:
        scale_B2 = _crops(uniform[0], uniform[1], crop_scale).clamp(max=1.0)
    centre_B2 = (1 - scale_B2) * (2 * uniform[2:4].T - 1)
    return Views(scale_B2, centre_B2, uniform[4] < flip, 1 + brightness * (2 * uniform[5] - 1))


def _crops(
    area_uniform: Float[Tensor, "*B"], ratio_uniform: Float[Tensor, "*B"], crop_scale: tuple[float, float]
) -> Float[Tensor, "*B 2"]:
    """Width and height of crops as a share of the image's, some of them more than 1."""
    area = crop_scale[0] + (crop_scale[1] - crop_scale[0]) * area_uniform
    ratio = torch.exp(torch.log(torch.tensor(4 / 3)) * (2 * ratio_uniform - 1))
    return torch.stack([torch.sqrt(area * ratio), torch.sqrt(area / ratio)], dim=-1)


def _redrawn(count: int, crop_scale: tuple[float, float], generator: torch.Generator) -> Float[Tensor, "B 2"]:
    """The first of ten crops that the image holds; the whole image if none does (torchvision's `get_params`)."""
    uniform = torch.rand(2, count, 10, generator=generator)
    crops_BT2 = _crops(uniform[0], uniform[1], crop_scale)
    fits_BT = (crops_BT2 <= 1).all(dim=-1)
    first_B = fits_BT.int().argmax(dim=1)
    scale_B2 = crops_BT2[torch.arange(count), first_B]
    return torch.where(fits_BT.any(dim=1, keepdim=True), scale_B2, torch.ones_like(scale_B2))


def apply_views(images_BCHW: UInt8[Tensor, "B 3 H W"], views: Views, *, size: int) -> Float[Tensor, "B 3 S S"]:
    """Crop, flip and brighten the images; values in [0, 1], S = `size` pixels, bilinear."""
    device = images_BCHW.device
    # Without rotation the grid is a product of columns and rows: a sixth of the time of torch's `affine_grid`.
    pixel_S = (2 * torch.arange(size) + 1) / size - 1
    sign_B = torch.where(views.flipped_B, -1.0, 1.0)
    x_BS = (views.scale_B2[:, 0] * sign_B)[:, None] * pixel_S + views.centre_B2[:, :1]
    y_BS = views.scale_B2[:, 1:] * pixel_S + views.centre_B2[:, 1:]
    grid = torch.empty(len(images_BCHW), size, size, 2, device=device)
    grid[..., 0] = x_BS.to(device)[:, None, :]
    grid[..., 1] = y_BS.to(device)[:, :, None]
    seen = grid_sample(images_BCHW.float(), grid, padding_mode="reflection", align_corners=False)
    return (seen * (views.brightness_B.to(device).view(-1, 1, 1, 1) / 255)).clamp_(0, 1)
