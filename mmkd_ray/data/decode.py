"""Decode images to RGB, as a viewer would show them."""

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
from mmkd_ray.data.formats import what_it_is
from mmkd_ray.data.metadata import split_metadata
from mmkd_ray.data.profiles import to_srgb
from mmkd_ray.errors import DataError, TooManyPixelsError

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "TGA", "PCX")
"""Accepted formats, recognised by content. EPS is not one: Pillow would start Ghostscript on an untrusted file."""

_PILLOW = re.compile(r"PIL\.")
_ORIENTATION = 0x0112
_ROTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = range(5, 9)
"""Orientations that exchange width and height."""
_SIZE_IN_HEADER = ("PNG", "JPEG", "WEBP")
_TILE_WIDTH, _TILE_LENGTH = 322, 323
"""Tags of a TIFF."""


def decode_rgb(encoded: bytes, *, max_pixels: int | None = None) -> Image.Image:
    """Decode one image: first frame, rotated as its EXIF data say, 8 bits per channel, transparent pixels white.

    Args:
        encoded: the file; its format is recognised by its content.
        max_pixels: limit of the size in the header, checked before any pixel is decoded; unset: no limit, for images
            that were checked before.

    Raises:
        DataError: the bytes are not a complete, readable image.
        TooManyPixelsError: it has more than `max_pixels`.
    """
    return _decoded(encoded, max_pixels, smaller=False)[0]


def check_decodes(encoded: bytes, *, max_pixels: int | None = None) -> tuple[int, int]:
    """Width and height of what `decode_rgb` gives; what it refuses is refused, in two thirds of its time.

    All bytes of a JPEG are decoded, but an eighth of its pixels is made of them.

    Args:
        encoded: as for `decode_rgb`.
        max_pixels: likewise.

    Raises:
        DataError: as for `decode_rgb`.
    """
    return _decoded(encoded, max_pixels, smaller=True)[1]


def _decoded(encoded: bytes, max_pixels: int | None, *, smaller: bool) -> tuple[Image.Image, tuple[int, int]]:
    """An image, small if that is enough and its format can be decoded so; its own width and height."""
    _configure_pillow()
    try:
        if encoded.startswith(b"\0\0\1\0"):
            _check_icon(encoded, max_pixels)
        stripped, profile = split_metadata(encoded)
        with Image.open(io.BytesIO(_with_transparent_canvas(stripped)), formats=_FORMATS) as image:
            _check(image, max_pixels)
            size = _upright_size(image)
            drafted = smaller and image.format == "JPEG" and image.draft(None, (1, 1)) is not None
            rgb = _first_frame(image, stripped, profile or image.info.get("icc_profile", b""))
            return rgb, size if drafted else rgb.size
    except DataError:
        raise
    except UnidentifiedImageError as error:
        # The message of `error` contains a memory address, which differs in every run.
        raise DataError(f"not a readable image: {what_it_is(encoded)}") from error
    except Exception as error:
        # PIL's plugins raise many kinds of errors: OSError, SyntaxError, struct.error, MemoryError, ...
        raise DataError(f"not a readable image: {str(error) or type(error).__name__}") from error


def upright_size(encoded: bytes) -> tuple[int, int]:
    """Width and height of what `decode_rgb` gives; nothing but the header is decoded of the usual formats.

    Raises:
        DataError: as for `decode_rgb`.
    """
    _configure_pillow()
    with contextlib.suppress(Exception), Image.open(io.BytesIO(encoded), formats=_SIZE_IN_HEADER) as image:
        return _upright_size(image)
    return decode_rgb(encoded).size


def _upright_size(image: ImageFile) -> tuple[int, int]:
    """Width and height as a viewer shows it, by its header."""
    turned = _orientation(image.info.get("exif", b"")) in _LYING
    return (image.height, image.width) if turned else image.size


def _configure_pillow() -> None:
    """Switch off Pillow's limit of pixels (`max_pixels` replaces it) and its warnings about metadata.

    On every call, because both settings are global, and other libraries change them.
    """
    Image.MAX_IMAGE_PIXELS = None
    if not any(rule[3] == _PILLOW for rule in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _check(image: ImageFile, max_pixels: int | None) -> None:
    _check_size(*image.size, max_pixels)
    # A tile of a TIFF can be larger than the image, and is decoded as a whole.
    tags = getattr(image, "tag_v2", {})
    _check_size(tags.get(_TILE_WIDTH, 1), tags.get(_TILE_LENGTH, 1), max_pixels)


def _check_size(width: int, height: int, max_pixels: int | None) -> None:
    if max_pixels is not None and width * height > max_pixels:
        raise TooManyPixelsError(f"{width:,} x {height:,} pixels are more than the limit of {max_pixels:,}")


def _check_icon(encoded: bytes, max_pixels: int | None) -> None:
    """Check the size of an icon before Pillow opens it, because opening decodes it; its directory may be wrong."""
    size = (0, 0)
    with contextlib.suppress(Exception):  # if it is not an icon, Image.open reports it
        inner = io.BytesIO(encoded[IcoFile(io.BytesIO(encoded)).entry[0].offset :])
        reader = PngImageFile if inner.getvalue().startswith(b"\x89PNG") else DibImageFile
        size = reader(inner).size
    _check_size(*size, max_pixels)


def _with_transparent_canvas(encoded: bytes) -> bytes:
    """Mark an animated WebP as transparent: else libwebp paints black what the first frame does not cover."""
    animated, transparent = 0x02, 0x10
    if encoded[:4] == b"RIFF" and encoded[8:16] == b"WEBPVP8X" and len(encoded) > 20 and encoded[20] & animated:
        return encoded[:20] + bytes([encoded[20] | transparent]) + encoded[21:]
    return encoded


def _first_frame(image: ImageFile, encoded: bytes, profile: bytes) -> Image.Image:
    """The first frame on its whole canvas, in sRGB and upright."""
    whole = (0, 0, *image.size)
    covered = image.tile[0].extents if image.format == "GIF" else whole
    image.load()
    if image.format == "PNG":
        rescale_transparent_colour(image, bits=encoded[24])
    rgb = to_rgb(to_srgb(image, profile))
    if covered != whole:
        # Pillow fills the rest of a GIF's canvas with the first colour of its palette.
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(rgb.crop(covered), covered)
        rgb = canvas
    # Pillow itself rotates a TIFF.
    rotation = None if image.format == "TIFF" else _ROTATIONS.get(_orientation(image.info.get("exif", b"")))
    return rgb if rotation is None else rgb.transpose(rotation)


def _orientation(exif: bytes) -> int:
    """The EXIF orientation; 1 (upright) if it is missing or EXIF is broken, because viewers show such images too.

    Pillow's reader raises an error for broken EXIF in some formats, and warns in others.
    """
    tiff = re.sub(rb"^(Exif\0\0)+", b"", exif)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    with contextlib.suppress(struct.error):
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for offset in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _type, _count, value = struct.unpack_from(f"{order}HHIH", tiff, offset)
            if tag == _ORIENTATION:
                return value
    return 1
