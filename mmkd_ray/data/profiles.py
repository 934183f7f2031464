"""Colours of a profile other than sRGB (Display P3, Adobe RGB, a printer's CMYK) as sRGB, as viewers show them."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"RGB ": ("RGB", "RGBA"), "GRAY": ("L",), "CMYK": ("CMYK",)}
"""The modes that a profile of each colour space is for; with another one it is ignored."""
_NO_DIFFERENCE = 2
"""Levels of 255. Profiles that call themselves sRGB, and many that do not, differ from it by less."""


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The image with its colours in sRGB; the same image where the profile is sRGB, or none that fits."""
    if not profile:
        return image
    if image.mode in ("P", "PA") or (image.mode == "RGB" and image.has_transparency_data):
        # Which colour is transparent is known in the image's own colours alone.
        coloured = image.convert("RGBA" if image.has_transparency_data else "RGB")
    else:
        coloured = image
    transform = _transform(profile, coloured.mode)
    if transform is None or (coloured.mode == "L" and coloured.has_transparency_data):
        return image
    return ImageCms.applyTransform(coloured, transform) or image


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None where that changes nothing that can be seen, or the profile cannot be used.

    The few profiles of a data set are compared with sRGB once, and not one for each image.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode not in _SPACES.get(source.profile.xcolor_space, ()):
            return None
        out = "RGBA" if mode == "RGBA" else "RGB"
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, out)
        return transform if mode == "CMYK" or _changes(transform, mode) else None
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None  # a viewer shows an image with a broken profile, too


def _changes(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether any of 17 x 17 x 17 colours, or 256 greys, is shown as another one."""
    if mode == "L":
        drawn = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        steps = np.linspace(0, 255, 17).round().astype(np.uint8)
        drawn = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(17, -1, 3)).convert(mode)
    shown = ImageCms.applyTransform(drawn, transform) or drawn  # None is for a transform in place
    before, after = (np.asarray(each.convert("RGB")).astype(int) for each in (drawn, shown))
    return bool(np.abs(before - after).max() > _NO_DIFFERENCE)
