"""Contact sheets: what a probe does to an image, to be looked at."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from mmkd_ray.config import EvaluateConfig
from mmkd_ray.data.feed.pixels import Pixels
from mmkd_ray.evaluate.probes import Probe

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


def severity_sheet(images: Pixels, probes: Sequence[Probe], config: EvaluateConfig) -> Sheet | None:
    """One image as each probe shows it, at each severity; None without probes.

    Args:
        images: one image.
        probes: of the same severities, that need no student.
        config: of the evaluation.
    """
    if not probes:
        return None
    severities = probes[0].severities(config)
    clean = _picture(images.in_batches(1))
    rows = [
        SheetRow(
            probe.name,
            strip(
                [
                    clean,
                    *(_picture(probe.seen(images, severity, None, config).in_batches(1)) for severity in severities),
                ]
            ),
        )
        for probe in probes
        if probe.severities(config) == severities
    ]
    lead = f"The test image {images.image_ids[0]} as students see it, at each severity."
    heads = ("clean", *(f"{severity:g}" for severity in severities))
    return Sheet("looks", "What the corruptions look like", lead, heads, rows)


def _picture(batches: Iterator[torch.Tensor]) -> Picture:
    return next(batches)[0].permute(1, 2, 0).numpy()
