"""A canvas that polygons are painted on, in the frame of the canvas or of a bird, with an optional map of the parts."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

IMAGE_SIZE: Final = 64
"""Side of a finished image, in pixels."""

OVERSAMPLING: Final = 3
CANVAS_SIZE: Final = IMAGE_SIZE * OVERSAMPLING
"""Side of the canvas that is box-reduced to the finished image."""

Colour = tuple[int, int, int]
Points_N2 = NDArray[np.float64]

_ANGLES: Final = np.linspace(0, 2 * math.pi, 20, endpoint=False)
_UNIT_CIRCLE_N2: Final = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Points_N2:
    """The outline of an ellipse."""
    return _UNIT_CIRCLE_N2 * (rx, ry) + np.array((cx, cy))


def bar(start: tuple[float, float], end: tuple[float, float], width: float) -> list[tuple[float, float]]:
    """The outline of a straight bar of a given width."""
    (x0, y0), (x1, y1) = start, end
    half = width / 2 / math.hypot(x1 - x0, y1 - y0)
    nx, ny = (y0 - y1) * half, (x1 - x0) * half
    return [(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)]


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (factor < 1) or lighter colour."""
    r, g, b = colour
    return (min(255, int(r * factor)), min(255, int(g * factor)), min(255, int(b * factor)))


@dataclass(frozen=True, slots=True)
class Frame:
    """The position of a bird: maps its coordinates (x to the beak, y down, origin in the body) to the canvas."""

    x: float
    y: float
    scale: float
    rotation: float
    mirrored: bool

    def to_canvas(self, points: "Points_N2 | list[tuple[float, float]]") -> Points_N2:
        """Map points of the bird's frame to canvas pixels."""
        cos, sin = self.scale * math.cos(self.rotation), self.scale * math.sin(self.rotation)
        side = -1.0 if self.mirrored else 1.0
        return np.asarray(points) @ np.array([[side * cos, sin], [-side * sin, cos]]) + np.array((self.x, self.y))


class Canvas:
    """An RGB image under construction.

    With `with_parts`, a second image records which call of `polygon` each pixel comes from, so that the parts that
    answer a question can be located: a much stronger training signal for a teacher than the answer alone.
    """

    def __init__(self, *, with_parts: bool = False, size: int = CANVAS_SIZE) -> None:
        self.image = Image.new("RGB", (size, size))
        self._draw = ImageDraw.Draw(self.image)
        self.labels: list[tuple[str, ...]] = [()]
        self._regions = Image.new("I", (size, size)) if with_parts else None
        self._draw_regions = ImageDraw.Draw(self._regions) if self._regions is not None else None

    def polygon(
        self,
        points: "Points_N2 | list[tuple[float, float]]",
        colour: Colour,
        *,
        frame: Frame | None = None,
        labels: tuple[str, ...] = (),
    ) -> None:
        """Fill a polygon. `labels` are the ids of the questions that it is visible evidence for."""
        points_N2 = np.asarray(points) if frame is None else frame.to_canvas(points)
        # Whole pixels: a last-digit difference in a machine's cosine must not move an edge.
        flat = np.rint(points_N2).astype(np.int64).ravel().tolist()
        self._draw.polygon(flat, fill=colour)
        if self._draw_regions is not None:
            self._draw_regions.polygon(flat, fill=len(self.labels))
            self.labels.append(labels)

    def region_map(self) -> NDArray[np.int32]:
        """`regions_HW`: index into `labels` of each pixel of the finished image (its middle canvas pixel)."""
        if self._regions is None:
            raise ValueError("This canvas was made without parts; make it with Canvas(with_parts=True).")
        return np.asarray(self._regions)[1::OVERSAMPLING, 1::OVERSAMPLING]
