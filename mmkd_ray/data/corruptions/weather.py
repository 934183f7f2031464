"""Snow, frost and fog. Images are float in [0, 1], [H, W, 3]."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from PIL import Image as Picture

from mmkd_ray.data.corruptions.blur import Image, Layer, clipped_zoom, motion_blur

_PHOTOGRAPHS = 5
_GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
_ROUGHNESS = 100.0


def snow(image: Image, constants: tuple[float, ...], generator: np.random.Generator) -> Image:
    """Flakes that fall in a direction, on a whitened image."""
    mean, deviation, zoom, threshold, radius, sigma, share = constants
    flakes = clipped_zoom(generator.normal(mean, deviation, image.shape[:2]), zoom)
    flakes = np.where(flakes < threshold, 0, flakes).clip(0, 1)
    flakes = motion_blur(np.floor(flakes * 255) / 255, int(radius), sigma, generator.uniform(-135, -45))[..., None]
    grey = (image @ np.array(_GREY))[..., None]
    whitened = share * image + (1 - share) * np.maximum(image, grey * 1.5 + 0.5)
    return whitened + flakes + flakes[::-1, ::-1]


def frost(image: Image, of_image: float, of_frost: float, generator: np.random.Generator, *, scale: float) -> Image:
    """A part of a photograph of frost over the image."""
    photograph = _photograph(int(generator.integers(_PHOTOGRAPHS)), scale, *image.shape[:2])
    height, width = image.shape[:2]
    top = int(generator.integers(photograph.shape[0] - height + 1))
    left = int(generator.integers(photograph.shape[1] - width + 1))
    return of_image * image + of_frost * photograph[top : top + height, left : left + width]


def fog(image: Image, share: float, decay: float, generator: np.random.Generator) -> Image:
    """A height map of a fractal plasma over the image, which keeps its brightest value."""
    height, width = image.shape[:2]
    plasma = plasma_fractal(1 << math.ceil(math.log2(max(height, width))), decay, generator)
    brightest = image.max()
    return (image + share * plasma[:height, :width, None]) * brightest / (brightest + share)


def plasma_fractal(side: int, decay: float, generator: np.random.Generator) -> Layer:
    """A height map in [0, 1] by the diamond-square algorithm on a torus.

    Args:
        side: in pixels, a power of two.
        decay: the roughness is divided by it whenever the step is halved.
        generator: of the roughness.
    """
    heights: Float64[np.ndarray, "S S"] = np.zeros((side, side))
    step, rough = side, _ROUGHNESS

    def rough_mean(total: np.ndarray) -> np.ndarray:
        return total / 4 + rough * generator.uniform(-rough, rough, total.shape)

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=0)
        heights[half::step, half::step] = rough_mean(pairs + np.roll(pairs, -1, axis=1))
        middles = heights[half::step, half::step]
        heights[::step, half::step] = rough_mean(
            middles + np.roll(middles, 1, axis=0) + corners + np.roll(corners, -1, axis=1)
        )
        heights[half::step, ::step] = rough_mean(
            middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=0)
        )
        step, rough = half, rough / decay
    heights -= heights.min()
    return heights / heights.max()


@lru_cache(2 * _PHOTOGRAPHS)  # of the last sizes
def _photograph(number: int, scale: float, height: int, width: int) -> Image:
    """One of them in [0, 1], made larger where the image would not find room in it."""
    file = Path(__file__).parent / "frost" / f"{number + 1}.jpg"
    with Picture.open(file) as opened:
        scale = max(scale, width / opened.width, height / opened.height)
        size = max(round(opened.width * scale), width), max(round(opened.height * scale), height)
        # Bilinear samples without a filter before, as published: a filter would halve the detail of the frost.
        resized = opened.convert("RGB").transform(
            size, Picture.Transform.AFFINE, (1 / scale, 0, 0, 0, 1 / scale, 0), Picture.Resampling.BILINEAR
        )
    return np.asarray(resized, dtype=np.float64) / 255
