"""Pixels of any kind to 8-bit RGB on white paper."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from PIL import Image

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
"""Tags of a TIFF."""
_WHITE_IS_ZERO = 0


def to_rgb(image: Image.Image) -> Image.Image:
    """The colours of a decoded image: what is transparent shows white paper.

    Grey of more than 8 bits is shown over the whole range of its kind: 16 bits from 0 to 65535, fewer as the file says,
    floats in [0, 1] from 0 to 1. Where the kind names no white (floats outside of [0, 1], signed and 32-bit integers),
    the least value is black and the greatest white, as viewers of such files show them.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _wide_grey(image).convert("RGB")
    if image.has_transparency_data:
        # Pillow knows no way from premultiplied grey to RGBA.
        coloured = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), coloured).convert("RGB")
    return image.convert("RGB")


def rescale_transparent_colour(image: Image.Image, bits: int) -> None:
    """Bring the transparent colour of a PNG of so many bits a sample to the scale of its pixels.

    Pillow scales 2, 4 and 16 bits to 8 for the pixels, and leaves the colour that is to be transparent as it was. Of
    16-bit colours it keeps the upper half: what differs from the transparent one in the lower alone is taken for it.
    """
    colour, most = image.info.get("transparency"), 2**bits - 1
    if isinstance(colour, tuple):
        image.info["transparency"] = tuple((value & most) >> max(bits - 8, 0) for value in colour)
    elif isinstance(colour, int) and image.mode == "L":
        image.info["transparency"] = (colour & most) * 255 // most


def _wide_grey(image: Image.Image) -> Image.Image:
    """PIL's own conversion clips at 255 and shows a white page."""
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
        return 0.0, 65535.0  # Pillow has scaled them to it
    finite = values_HW[np.isfinite(values_HW)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (0.0, 1.0) if image.mode == "F" and least >= 0 and most <= 1 else (least, most)


def _transparent(image: Image.Image, values_HW: Float64[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    colour = image.info.get("transparency")
    return values_HW == colour if isinstance(colour, int) else np.zeros(values_HW.shape, bool)


def _tags(image: Image.Image) -> dict[int, tuple[int, ...]]:
    """A TIFF's own; nothing for other formats."""
    return getattr(image, "tag_v2", {})
