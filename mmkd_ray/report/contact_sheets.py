"""Contact sheets: pictures side by side, to be looked at."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

Picture = UInt8[np.ndarray, "H W 3"]
GAP = 2
"""White pixels between two pictures."""
MAX_SIDE = 96
"""Longer side of a picture in a strip, in pixels."""
CONTRAST = 10
"""What an adversary adds is shown so many times stronger."""


@dataclass(frozen=True)
class SheetRow:
    """Pictures side by side, as one image."""

    name: str
    uri: str
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """Rows of pictures below common headings."""

    name: str
    title: str
    lead: str
    heads: tuple[str, ...]
    rows: list[SheetRow]


def strip(pictures: Sequence[Picture]) -> str:
    """Pictures of one size side by side, as a data URI."""
    shown = [_shown(picture) for picture in pictures]
    width, height = shown[0].size
    whole = Image.new("RGB", (len(shown) * (width + GAP) - GAP, height), "white")
    for place, picture in enumerate(shown):
        whole.paste(picture, (place * (width + GAP), 0))
    buffer = io.BytesIO()
    # Lossless for small pictures: JPEG would add artefacts that look like a corruption.
    whole.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _shown(picture: Picture) -> Image.Image:
    image = Image.fromarray(picture)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    return image


def attack_row(name: str, clean: Picture, perturbed: Picture, *, note: str = "") -> SheetRow:
    """An image, what an adversary made of it, and the difference, stronger by `CONTRAST` and around middle grey."""
    difference = perturbed.astype(np.int16) - clean
    magnified = np.clip(128 + CONTRAST * difference, 0, 255).astype(np.uint8)
    return SheetRow(name, strip([clean, perturbed, magnified]), note)
