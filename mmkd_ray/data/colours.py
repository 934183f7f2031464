"""Convert pixels of any kind to 8-bit RGB on a white background."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from PIL import Image

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
"""Tags of a TIFF."""
_WHITE_IS_ZERO = 0


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a decoded image to RGB; transparent pixels become white.

    Grey of more than 8 bits is scaled by the range of its kind: 16 bits by 0 to 65535, fewer bits as the file says,
    floats in [0, 1] by 0 to 1. If the kind defines no white (floats outside of [0, 1], signed and 32-bit integers), the
    smallest value becomes black and the largest white, as in viewers of such files.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _wide_grey(image).convert("RGB")
    if image.has_transparency_data:
        # Pillow cannot convert premultiplied grey to RGBA directly.
        coloured = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), coloured).convert("RGB")
    return image.convert("RGB")


def rescale_transparent_colour(image: Image.Image, bits: int) -> None:
    """Scale the transparent colour of a PNG with `bits` per sample in the same way as its pixels.

    Pillow scales pixels of 2, 4 and 16 bits to 8 bits, but not the transparent colour. Of 16 bits it keeps the upper 8:
    a colour that differs from the transparent one only in the lower 8 bits becomes transparent too.
    """
    colour, largest = image.info.get("transparency"), 2**bits - 1
    if isinstance(colour, tuple):
        image.info["transparency"] = tuple((value & largest) >> max(bits - 8, 0) for value in colour)
    elif isinstance(colour, int) and image.mode == "L":
        image.info["transparency"] = (colour & largest) * 255 // largest


def _wide_grey(image: Image.Image) -> Image.Image:
    """Scale grey of more than 8 bits; PIL's conversion would clip at 255 and give a white image."""
    values_HW = np.asarray(image, dtype=np.float64)
    black, white = _black_and_white(image, values_HW)
    values_HW = np.nan_to_num(values_HW, nan=black, posinf=white, neginf=black)
    grey_HW = ((values_HW - black) / (white - black or 1.0)).clip(0, 1)
    if _tags(image).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey_HW = 1 - grey_HW
    grey_HW[_transparent(image, values_HW)] = 1
    return Image.fromarray((grey_HW * 255).round().astype(np.uint8))


def _black_and_white(image: Image.Image, values_HW: Float64[np.ndarray, "H W"]) -> tuple[float, float]:
    if image.mode.startswith("I;16"):
        return 0.0, 2.0 ** min(_tags(image).get(_BITS_PER_SAMPLE, (16,))) - 1
    if image.format == "PPM" and image.mode == "I":
        return 0.0, 65535.0  # Pillow has scaled the values to this range
    finite = values_HW[np.isfinite(values_HW)]
    smallest, largest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (0.0, 1.0) if image.mode == "F" and smallest >= 0 and largest <= 1 else (smallest, largest)


def _transparent(image: Image.Image, values_HW: Float64[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    colour = image.info.get("transparency")
    return values_HW == colour if isinstance(colour, int) else np.zeros(values_HW.shape, bool)


def _tags(image: Image.Image) -> dict[int, tuple[int, ...]]:
    """The tags of a TIFF; empty for other formats."""
    return getattr(image, "tag_v2", {})
