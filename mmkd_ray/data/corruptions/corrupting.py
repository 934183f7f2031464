"""One image under one corruption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
from jaxtyping import UInt8

from mmkd_ray.data.corruptions import blur, digital, weather
from mmkd_ray.data.corruptions.constants import CONSTANTS, ELASTIC_PIXELS, FROST_SCALE, CorruptionName, Table

CORRUPTIONS: tuple[CorruptionName, ...] = get_args(CorruptionName)
"""The 15 of ImageNet-C, in the published order."""
_LARGEST_TINY = 96
VERSION = 1
"""Raised when a corruption comes out differently: predictions are identified by it."""


_Make = Callable[[blur.Image, Any, np.random.Generator, Table], blur.Image]
_MADE: dict[CorruptionName, _Make] = {
    "gaussian_noise": lambda image, c, generator, _: digital.gaussian_noise(image, c, generator),
    "shot_noise": lambda image, c, generator, _: digital.shot_noise(image, c, generator),
    "impulse_noise": lambda image, c, generator, _: digital.impulse_noise(image, c, generator),
    "defocus_blur": lambda image, c, _, __: blur.defocus_blur(image, *c),
    "glass_blur": lambda image, c, generator, _: blur.glass_blur(image, *c, generator=generator),
    "motion_blur": lambda image, c, generator, _: blur.motion_blur(image, *c, degrees=generator.uniform(-45, 45)),
    "zoom_blur": lambda image, c, _, __: blur.zoom_blur(image, *c),
    "snow": lambda image, c, generator, _: weather.snow(image, c, generator),
    "frost": lambda image, c, generator, table: weather.frost(image, *c, generator=generator, scale=FROST_SCALE[table]),
    "fog": lambda image, c, generator, _: weather.fog(image, *c, generator=generator),
    "brightness": lambda image, c, _, __: digital.brightness(image, c),
    "contrast": lambda image, c, _, __: digital.contrast(image, c),
    "elastic_transform": lambda image, c, generator, table: digital.elastic_transform(
        image, *(ELASTIC_PIXELS[table] * share for share in c), generator=generator
    ),
}
"""Those of images in [0, 1], given their constants."""


def table_for(side: int) -> Table:
    """Whose constants fit images with sides of so many pixels.

    Those of ImageNet-C are made for 224 px, and leave little of an image of 64.
    """
    return "tiny" if side <= _LARGEST_TINY else "imagenet"


def corrupt(
    image_HW3: UInt8[np.ndarray, "H W 3"],
    name: CorruptionName,
    severity: int,
    *,
    table: Table,
    generator: np.random.Generator,
) -> UInt8[np.ndarray, "H W 3"]:
    """Corrupt an image as ImageNet-C or Tiny-ImageNet-C does, for any shape of at least 16 pixels a side.

    The kinds of noise, blur and displacement are the published ones. The pixels are not: what chance decides is drawn
    from another generator, the photographs of frost are JPEG, resampling is SciPy's, not OpenCV's, and the published
    files were stored as JPEG of quality 85.

    Args:
        image_HW3: RGB.
        name: of the corruption.
        severity: 1 to 5.
        table: whose constants.
        generator: the only source of randomness.

    Raises:
        ValueError: the severity is not 1 to 5.
    """
    if severity not in range(1, 6):
        raise ValueError(f"severity {severity}: accepted are 1, 2, 3, 4 and 5")
    c = CONSTANTS[table][name][severity - 1]
    if name == "pixelate":
        return digital.pixelate(image_HW3, c)
    if name == "jpeg_compression":
        return digital.jpeg_compression(image_HW3, c)
    made = _MADE[name](image_HW3 / 255.0, c, generator, table)
    return (made.clip(0, 1) * 255).astype(np.uint8)
