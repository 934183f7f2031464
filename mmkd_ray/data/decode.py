"""Encoded images to RGB, as a person would see them."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import warnings

from PIL import Image, UnidentifiedImageError
from PIL.BmpImagePlugin import DibImageFile
from PIL.IcoImagePlugin import IcoFile
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from mmkd_ray.data.colours import rescale_transparent_colour, to_rgb
from mmkd_ray.errors import DataError

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "TGA", "PCX")
"""What is looked for, whatever a file is called: for EPS, Pillow would start Ghostscript on an untrusted file."""

_PILLOW = re.compile(r"PIL\.")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TILE_WIDTH, _TILE_LENGTH = 322, 323
"""Tags of a TIFF."""


def decode_rgb(encoded: bytes, *, max_pixels: int | None = None) -> Image.Image:
    """Decode one image: first frame, turned as its EXIF says, 8 bits a channel, transparency over white.

    Args:
        encoded: the file; its format is found by its content.
        max_pixels: limit that the header is held against before a pixel is unpacked; none if unset, for images that
            have passed it.

    Raises:
        DataError: the bytes are not an image that can be read whole, or it has more than `max_pixels`.
    """
    _restrain_pillow()
    try:
        if encoded.startswith(b"\0\0\1\0"):
            _check_icon(encoded, max_pixels)
        with Image.open(io.BytesIO(_with_open_canvas(encoded)), formats=_FORMATS) as image:
            _check(image, max_pixels)
            return _seen(image, encoded)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        # Its own message holds an address in memory, another one in every run.
        reason = "of no known format" if encoded else "the file is empty"
        raise DataError(f"not a readable image: {reason}") from error
    except Exception as error:
        # PIL raises whatever its plugins do: OSError, SyntaxError, struct.error, MemoryError, ...
        raise DataError(f"not a readable image: {str(error) or type(error).__name__}") from error


def _restrain_pillow() -> None:
    """Leave the limit of pixels to `max_pixels`, and what Pillow thinks of a file's metadata unsaid.

    Every time anew: both belong to the whole process, and other libraries set them as well.
    """
    Image.MAX_IMAGE_PIXELS = None
    if not any(rule[3] == _PILLOW for rule in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _check(image: ImageFile, max_pixels: int | None) -> None:
    _check_size(*image.size, max_pixels)
    # One pixel may lie in a tile of any size, which is unpacked whole.
    tags = getattr(image, "tag_v2", {})
    _check_size(tags.get(_TILE_WIDTH, 1), tags.get(_TILE_LENGTH, 1), max_pixels)


def _check_size(width: int, height: int, max_pixels: int | None) -> None:
    if max_pixels is not None and width * height > max_pixels:
        raise DataError(f"{width} x {height} pixels are more than the limit of {max_pixels}")


def _check_icon(encoded: bytes, max_pixels: int | None) -> None:
    """Pillow unpacks an icon while it opens it, whatever size its directory told."""
    size = (0, 0)
    with contextlib.suppress(Exception):  # what is not an icon after all is told by Image.open
        inner = io.BytesIO(encoded[IcoFile(io.BytesIO(encoded)).entry[0].offset :])
        size = (PngImageFile if inner.getvalue().startswith(b"\x89PNG") else DibImageFile)(inner).size
    _check_size(*size, max_pixels)


def _with_open_canvas(encoded: bytes) -> bytes:
    """An animated WebP, announced as transparent: else libwebp paints black what its first frame does not cover."""
    animated, transparent = 0x02, 0x10
    if encoded[:4] == b"RIFF" and encoded[8:16] == b"WEBPVP8X" and len(encoded) > 20 and encoded[20] & animated:
        return encoded[:20] + bytes([encoded[20] | transparent]) + encoded[21:]
    return encoded


def _seen(image: ImageFile, encoded: bytes) -> Image.Image:
    covered, whole = image.tile[0].extents if image.format == "GIF" else None, (0, 0, *image.size)
    image.load()
    if image.format == "PNG":
        rescale_transparent_colour(image, bits=encoded[24])
    seen = to_rgb(image)
    if covered not in (None, whole):
        # Pillow fills the rest of a GIF's canvas with the first colour of its palette.
        paper = Image.new("RGB", image.size, "white")
        paper.paste(seen.crop(covered), covered)
        seen = paper
    # A TIFF is turned by Pillow itself.
    turn = None if image.format == "TIFF" else _TURNS.get(_orientation(image.info.get("exif", b"")))
    return seen if turn is None else seen.transpose(turn)


def _orientation(exif: bytes) -> int:
    """The tag of that name; 1 (upright) where it is missing or EXIF is broken, which hides no picture in a viewer.

    Pillow's own reader raises for broken EXIF of some formats and warns for that of others.
    """
    tiff = re.sub(rb"^(Exif\0\0)+", b"", exif)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    with contextlib.suppress(struct.error):
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for place in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _type, _count, value = struct.unpack_from(f"{order}HHIH", tiff, place)
            if tag == _ORIENTATION:
                return value
    return 1
