"""Noise, colours, displacement and compression. Images are float in [0, 1], [H, W, 3], where not said otherwise."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image as Picture
from scipy import ndimage

from mmkd_ray.data.corruptions.blur import Image

Bytes = UInt8[np.ndarray, "H W 3"]


def gaussian_noise(image: Image, deviation: float, generator: np.random.Generator) -> Image:
    """Independent for each value."""
    return image + generator.normal(scale=deviation, size=image.shape)


def shot_noise(image: Image, photons: float, generator: np.random.Generator) -> Image:
    """Poisson noise of so many photons for the value 1."""
    return generator.poisson(image * photons) / photons


def impulse_noise(image: Image, share: float, generator: np.random.Generator) -> Image:
    """This share of the values becomes 0 or 1, with equal chances (salt and pepper)."""
    struck, salt = generator.random(image.shape) <= share, generator.random(image.shape) <= 0.5
    return np.where(struck, salt.astype(np.float64), image)


def brightness(image: Image, more: float) -> Image:
    """The value of HSV grows by this; hue and saturation stay."""
    value = image.max(axis=-1, keepdims=True)
    brighter = (value + more).clip(0, 1)
    return np.where(value > 0, image * brighter / np.where(value > 0, value, 1), brighter)


def contrast(image: Image, share: float) -> Image:
    """This share of the distance to each channel's mean is kept."""
    mean = image.mean(axis=(0, 1), keepdims=True)
    return (image - mean) * share + mean


def elastic_transform(image: Image, length: float, sigma: float, shift: float, generator: np.random.Generator) -> Image:
    """A random affine map, then displacements by a smoothed field.

    Args:
        image: as above.
        length: the field, uniform in [-1, 1] and then smoothed, is multiplied by it, in pixels.
        sigma: of the smoothing, in pixels.
        shift: the three points that determine the affine map move by up to this, in pixels.
        generator: of both.
    """
    height, width = image.shape[:2]
    centre, reach = np.array([height // 2, width // 2], dtype=np.float64), min(height, width) // 3
    points_32 = centre + reach * np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    moved_32 = points_32 + generator.uniform(-shift, shift, size=(3, 2))
    # Where the pixel at each place comes from: the map of the moved points to the points.
    map_32 = np.linalg.solve(np.column_stack([moved_32, np.ones(3)]), points_32)
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    at = np.stack([rows, columns, np.ones_like(rows)], axis=-1) @ map_32
    mapped = _taken(image, at[..., 0], at[..., 1], mode="mirror")
    field = [
        length * ndimage.gaussian_filter(generator.uniform(-1, 1, (height, width)), sigma, mode="reflect", truncate=3.0)
        for _ in range(2)
    ]
    return _taken(mapped, rows + field[0], columns + field[1], mode="reflect")


def pixelate(image: Bytes, share: float) -> Bytes:
    """Resized to this share of its sides and back, by the mean of boxes."""
    height, width = image.shape[:2]
    small = Picture.fromarray(image).resize((int(width * share), int(height * share)), Picture.Resampling.BOX)
    return np.asarray(small.resize((width, height), Picture.Resampling.BOX))


def jpeg_compression(image: Bytes, quality: int) -> Bytes:
    """Written as JPEG of this quality and read again."""
    stream = io.BytesIO()
    Picture.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Picture.open(stream))


def _taken(image: Image, rows: np.ndarray, columns: np.ndarray, *, mode: str) -> Image:
    """Bilinear samples of each channel."""
    return np.stack(
        [ndimage.map_coordinates(image[..., c], [rows, columns], order=1, mode=mode) for c in range(3)], axis=-1
    )
