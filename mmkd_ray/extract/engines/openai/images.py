"""Encode images for requests to an endpoint."""

from __future__ import annotations

import base64
import io

from PIL import ExifTags, Image

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.metadata import split_metadata
from mmkd_ray.data.profiles import to_srgb

_PNG_BIT_DEPTH = 24
"""Offset of the bit depth in a PNG: after signature, length and name of the first chunk, width and height."""


def data_uri(encoded: bytes) -> str:
    """The `data:` URI of an image, such that any decoder shows what a person would see.

    The bytes are sent as they are, without metadata, if all decoders show them alike; else a PNG of the decoded pixels.

    Raises:
        DataError: the image cannot be read; every engine raises this before the teacher is asked.
    """
    image = decode_rgb(encoded)
    encoded, profile = split_metadata(encoded)
    plain = _plain_format(encoded, profile)
    if plain is None:
        stream = io.BytesIO()
        image.save(stream, "PNG")
        encoded, plain = stream.getvalue(), "PNG"
    return f"data:image/{plain.lower()};base64,{base64.b64encode(encoded).decode('ascii')}"


def _plain_format(encoded: bytes, profile: bytes) -> str | None:
    """PNG or JPEG, if the image is a frame of sRGB or grey with 8 bits per channel, opaque and upright; else None."""
    with Image.open(io.BytesIO(encoded)) as image:
        plain = (
            image.format in ("PNG", "JPEG")
            and image.mode in ("RGB", "L")
            and "transparency" not in image.info
            and getattr(image, "n_frames", 1) == 1
            and to_srgb(image, profile) is image
            and image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            # Pillow reads a PNG of 2 to 16 bits a channel in these modes too.
            and (image.format == "JPEG" or encoded[_PNG_BIT_DEPTH] == 8)
        )
        return image.format if plain else None
