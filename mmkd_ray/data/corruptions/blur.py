"""Blurs. Images are float in [0, 1], [H, W, 3]."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

Image = Float64[np.ndarray, "H W 3"]
Layer = Float64[np.ndarray, "H W"]
_DISK = 8
"""Half the side of a kernel for radii up to this."""


def defocus_blur(image: Image, radius: float, edge: float) -> Image:
    """Blur by a disk whose edge is smoothed by a Gaussian of this sigma."""
    half = max(_DISK, math.ceil(radius))
    axis = np.arange(-half, half + 1)
    disk = (axis[:, None] ** 2 + axis[None, :] ** 2 <= radius**2).astype(np.float64)
    disk /= disk.sum()
    reach = 1 if radius <= _DISK else 2
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * edge**2))
    for axis_of in (0, 1):
        disk = ndimage.correlate1d(disk, taps / taps.sum(), axis=axis_of, mode="mirror")
    # Not normalised again, as published: smoothed at the mirrored border, the largest disks add up to more than 1.
    used = np.flatnonzero(disk.sum(axis=0) > 0)
    kernel = disk[used[0] : used[-1] + 1, used[0] : used[-1] + 1]
    return np.stack([ndimage.correlate(image[..., c], kernel, mode="mirror") for c in range(3)], axis=-1)


def glass_blur(image: Image, sigma: float, farthest: int, times: int, generator: np.random.Generator) -> Image:
    """Blur, replace each pixel by one nearby, from the lower right to the upper left, and blur again.

    The published code means to exchange two pixels, and copies one over the other; so does this.
    """
    height, width = image.shape[:2]
    place = list(range(height * width))
    rows, columns = range(height - farthest, farthest, -1), range(width - farthest, farthest, -1)
    for _ in range(times):
        steps = generator.integers(-farthest, farthest, size=(len(rows) * len(columns), 2))
        moves = iter((steps[:, 0] * width + steps[:, 1]).tolist())
        for row in rows:
            for column in columns:
                at = row * width + column
                place[at] = place[at + next(moves)]
    blurred = np.floor(_gaussian(image, sigma) * 255) / 255
    return _gaussian(blurred.reshape(-1, 3)[place].reshape(image.shape), sigma)


def motion_blur(layer: np.ndarray, radius: int, sigma: float, degrees: float) -> np.ndarray:
    """ImageMagick's motion blur: a one-sided Gaussian along a direction; beyond the edge lies the edge's pixel.

    Args:
        layer: [H, W] or [H, W, 3].
        radius: the kernel has 2 * radius + 1 pixels.
        sigma: of the Gaussian, in pixels.
        degrees: the direction, clockwise from the right.
    """
    length = 2 * radius + 1
    weights = np.exp(-(np.arange(length) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    angle, height, width = math.radians(degrees), *layer.shape[:2]
    moved = np.zeros_like(layer, dtype=np.float64)
    rows, columns = np.arange(height), np.arange(width)
    for step, weight in enumerate(weights):
        if weight < 1e-6:
            break
        down, right = math.ceil(step * math.sin(angle) - 0.5), math.ceil(step * math.cos(angle) - 0.5)
        row, column = (rows + down).clip(0, height - 1), (columns + right).clip(0, width - 1)
        moved += weight * layer[row][:, column]
    return moved


def zoom_blur(image: Image, largest: float, step: float) -> Image:
    """Mean of the image and of itself zoomed in by 1, 1 + step, ... below the largest."""
    factors = np.arange(1, largest, step)
    total = image + sum(clipped_zoom(image, float(factor)) for factor in factors)
    return total / (len(factors) + 1)


def clipped_zoom(layer: np.ndarray, factor: float) -> np.ndarray:
    """The middle of a layer, zoomed in to its size."""
    height, width = layer.shape[:2]
    high, wide = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - high) // 2, (width - wide) // 2
    zoom = (factor, factor, 1)[: layer.ndim]
    zoomed = ndimage.zoom(layer[top : top + high, left : left + wide], zoom, order=1)
    top, left = (zoomed.shape[0] - height) // 2, (zoomed.shape[1] - width) // 2
    return zoomed[top : top + height, left : left + width]


def _gaussian(image: Image, sigma: float) -> Image:
    return ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=4.0)
