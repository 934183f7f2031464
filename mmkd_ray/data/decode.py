"""Encoded images to RGB, as a person would see them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mmkd_ray.errors import DataError

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "TGA", "PCX")
"""What is looked for, whatever a file is called: for EPS, Pillow would start Ghostscript on a stranger's file."""


def decode_rgb(encoded: bytes, *, max_pixels: int | None = None) -> Image.Image:
    """Decode one image: first frame, EXIF rotation applied, 8 bits a channel, transparency over white.

    Raises:
        DataError: the bytes are not an image that can be read whole, or it has more than `max_pixels`.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
            _check_size(image, max_pixels)
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except DataError:
        raise
    except UnidentifiedImageError as error:
        # Its own message holds an address in memory, another one in every run.
        reason = "of no known format" if encoded else "the file is empty"
        raise DataError(f"not a readable image: {reason}") from error
    except Exception as error:
        # PIL raises whatever its plugins do: OSError, SyntaxError, struct.error, DecompressionBombError, ...
        raise DataError(f"not a readable image: {str(error) or type(error).__name__}") from error


def _check_size(image: Image.Image, max_pixels: int | None) -> None:
    if max_pixels is not None and image.width * image.height > max_pixels:
        raise DataError(f"{image.width} x {image.height} pixels are more than the limit of {max_pixels}")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_wide_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _from_wide_grey(image: Image.Image) -> Image.Image:
    """PIL's own conversion of 16-bit grey clips at 255 and shows a white page."""
    values = np.asarray(image, dtype=np.float64)
    full = 65535.0 if image.mode.startswith("I") else max(float(values.max()), 1.0)
    return Image.fromarray((values.clip(0, full) * (255 / full)).round().astype(np.uint8)).convert("RGB")
