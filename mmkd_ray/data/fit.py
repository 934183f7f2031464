"""How a decoded picture of any shape is resized: whole, or to a square; the same pixels on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_RESAMPLING = {name.lower(): Image.Resampling[name] for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS")}

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Fit:
    """A way to resize."""

    how: Literal["whole", "crop", "squash", "pad"]
    """`whole`: the shorter side becomes `size`. The others make a square of this size: of the middle of the picture, of
    the whole picture by making its sides equal, or of the whole picture and a colour beside it."""
    size: int | None
    """In pixels; None, for `whole` alone: as large as it is."""
    interpolation: str
    """Pillow's name of a resampling filter, in lower case."""
    crop_pct: float = 1.0
    """Share of the square's side that is kept, its middle (timm's word)."""
    fill: tuple[int, int, int] = (0, 0, 0)
    """What `pad` puts beside a picture."""

    def facts(self) -> dict[str, Any]:
        """What decides the pixels."""
        return vars(self) | {"fill": list(self.fill) if self.how == "pad" else None}

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of what becomes of a picture of this width and height."""
        if self.size is None:
            return width, height
        if self.how != "whole":
            return self.size, self.size
        shorter = min(width, height)
        return max(round(width * self.size / shorter), self.size), max(round(height * self.size / shorter), self.size)

    def __call__(self, image: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
        """Resize an RGB image."""
        if self.how == "pad":
            return np.asarray(self._padded(image))
        shape, box = self.shape(*image.size), self._box(*image.size)
        return np.asarray(image if image.size == shape and self.crop_pct == 1 else self._resized(image, shape, box))

    def _box(self, width: int, height: int) -> Box:
        """The part of the picture that is seen."""
        wide, high = float(width), float(height)
        if self.how == "crop":
            wide = high = float(min(width, height))
        wide, high = wide * self.crop_pct, high * self.crop_pct
        left, top = (width - wide) / 2, (height - high) / 2
        return left, top, left + wide, top + high

    def _padded(self, image: Image.Image) -> Image.Image:
        assert self.size is not None, "squares have a size"
        scale = self.size / self.crop_pct / max(image.size)
        shape = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        if image.size != shape:
            image = self._resized(image, shape, (0, 0, *image.size))
        canvas = Image.new("RGB", (self.size, self.size), self.fill)
        canvas.paste(image, ((self.size - shape[0]) // 2, (self.size - shape[1]) // 2))
        return canvas

    def _resized(self, image: Image.Image, shape: tuple[int, int], box: Box) -> Image.Image:
        return image.resize(shape, _RESAMPLING[self.interpolation], box=box, reducing_gap=3.0)
