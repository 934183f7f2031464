"""A page to draw a chart on, in SVG that stands alone: positions in pixels from the top left."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

INK, SOFT, RULE, GRID, PAPER, BEST = "#1b1e23", "#59606b", "#c9c5bd", "#ebe8e2", "#ffffff", "#d05f00"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Helvetica, Arial, sans-serif"
_SHADES = ((226, 238, 248), (90, 163, 220), (8, 56, 104))
"""Of a value from the lowest to the highest: one hue, ever darker, so that grey print keeps the order."""
_DARK = 0.55
"""Shades above this carry white text."""


def shade(share: float) -> str:
    """Colour of a value, `share` of the way from the lowest to the highest."""
    at = min(max(share, 0.0), 1.0) * (len(_SHADES) - 1)
    first = min(int(at), len(_SHADES) - 2)
    low, high = _SHADES[first], _SHADES[first + 1]
    return "#" + "".join(f"{round(a + (b - a) * (at - first)):02x}" for a, b in zip(low, high, strict=True))


def on_shade(share: float) -> str:
    """Colour of text on `shade(share)`."""
    return PAPER if share > _DARK else INK


class Drawing:
    """An SVG under construction."""

    def __init__(self, width: float, height: float, title: str, subtitle: str) -> None:
        self._root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {width:g} {height:g}",
                "width": f"{width:g}",
                "height": f"{height:g}",
                "font-family": _FONT,
                "role": "img",
            },
        )
        ET.SubElement(self._root, "title").text = title
        self.box(0, 0, width, height, fill=PAPER)
        self.text(24, 34, title, size=17, weight=600)
        self.text(24, 54, subtitle, fill=SOFT)

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str, tip: str = "", stroke: str = ""
    ) -> None:
        """A filled rectangle; `tip` is shown when the mouse is over it."""
        place = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}"}
        self._add("rect", {**place, "fill": fill, **({"stroke": stroke} if stroke else {})}, tip)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        fill: str = INK,
        anchor: str = "start",
        weight: int = 400,
        halo: bool = False,
    ) -> None:
        """A line of text; `anchor` (start, middle, end): its point at x; `halo`: clear what is below."""
        style = {"font-size": f"{size:g}", "fill": fill, "text-anchor": anchor, "font-weight": str(weight)}
        if halo:
            style |= {"stroke": PAPER, "stroke-width": "4", "stroke-linejoin": "round", "paint-order": "stroke"}
        self._add("text", {"x": f"{x:g}", "y": f"{y:g}", **style}).text = words

    def line(
        self,
        points: Sequence[tuple[float, float]],
        *,
        stroke: str,
        width: float = 1,
        dashed: bool = False,
        tip: str = "",
    ) -> None:
        """A line through some points."""
        style = {"fill": "none", "stroke": stroke, "stroke-width": f"{width:g}", "stroke-linejoin": "round"}
        dashes = {"stroke-dasharray": "4 4"} if dashed else {}
        self._add("polyline", {"points": " ".join(f"{x:g},{y:g}" for x, y in points), **style, **dashes}, tip)

    def _add(self, tag: str, attributes: dict[str, str], tip: str = "") -> ET.Element:
        element = ET.SubElement(self._root, tag, attributes)
        if tip:
            ET.SubElement(element, "title").text = tip
        return element

    def __str__(self) -> str:
        return ET.tostring(self._root, encoding="unicode") + "\n"
