"""Draw the surroundings of a bird: sky, land, water, what it stands on and what is beside it."""

from collections.abc import Callable
from typing import Final

import numpy as np

from mmkd_ray.fieldguide.canvas import CANVAS_SIZE, Canvas, Colour, bar, ellipse, shade
from mmkd_ray.fieldguide.traits import Scene

HORIZON: Final = 112.0
"""Height of the horizon, in canvas pixels from the top."""

_SKY: Final[dict[str, Colour]] = {
    "forest": (160, 198, 208),
    "sea": (142, 198, 240),
    "snow": (172, 188, 212),
    "desert": (246, 214, 160),
    "meadow": (150, 206, 250),
    "city": (176, 176, 190),
    "sunset": (232, 128, 92),
    "room": (214, 190, 150),
}
_LAND: Final[dict[str, Colour]] = {
    "forest": (66, 92, 44),
    "sea": (214, 196, 142),
    "snow": (236, 240, 248),
    "desert": (216, 164, 92),
    "meadow": (116, 188, 72),
    "city": (112, 112, 116),
    "sunset": (92, 66, 92),
    "room": (142, 92, 64),
}
_WATER: Final[Colour] = (42, 104, 170)
_WAVE: Final[Colour] = (120, 176, 220)
_BARK: Final[Colour] = (88, 58, 36)
_TRUNK: Final[Colour] = (128, 88, 54)
_SUN: Final[Colour] = (255, 228, 70)
_MOON: Final[Colour] = (255, 255, 240)


def draw_background(canvas: Canvas, scene: Scene, texture: np.ndarray, *, foot_y: float, foot_x: float) -> None:
    """Paint everything behind the bird.

    Args:
        canvas: What to paint on.
        scene: What to paint.
        texture: At least 24 numbers in [0, 1) that place trees, hills and waves.
        foot_y: Height of the bird's feet, in canvas pixels.
        foot_x: Where they are across the canvas.
    """
    sky = ("night",) if scene.night else ()
    canvas.polygon(_box(0, 0, CANVAS_SIZE, CANVAS_SIZE), _SKY[scene.habitat], labels=sky)
    _draw_sun_and_cloud(canvas, scene, texture)
    _BACKDROPS[scene.habitat](canvas, texture)
    canvas.polygon(_box(0, HORIZON, CANVAS_SIZE, CANVAS_SIZE), _LAND[scene.habitat], labels=(scene.habitat,))
    if scene.habitat == "sea":
        shore = foot_y - 12 if scene.pose == "ground" else CANVAS_SIZE
        _draw_water(canvas, HORIZON, shore, texture, labels=("sea",))
    elif scene.habitat == "meadow":
        _draw_grass(canvas, texture)
    if scene.thing == "trunk":
        # Near the edge, so that it does not hide the sun.
        x = 9.0 if texture[0] < 0.5 else CANVAS_SIZE - 9.0
        canvas.polygon(_box(x - 9, 0, x + 9, CANVAS_SIZE), _TRUNK, labels=("trunk",))
    if scene.pose == "branch":
        _draw_branch(canvas, foot_x, foot_y, texture)
    elif scene.pose == "ground":
        _draw_shadow(canvas, scene, foot_x, foot_y)


def draw_foreground(canvas: Canvas, scene: Scene, texture: np.ndarray, *, water_y: float) -> None:
    """Paint everything in front of the bird: the water it swims in (from `water_y` down), a rock, a flower."""
    if scene.pose == "swimming":
        labels = ("swimming", "sea") if scene.habitat == "sea" else ("swimming",)
        _draw_water(canvas, water_y, CANVAS_SIZE, texture, labels=labels)
    x = _thing_x(texture)
    if scene.thing == "rock":
        stone = [(x - 20, 186.0), (x - 15, 164.0), (x - 2, 156.0), (x + 13, 163.0), (x + 20, 186.0)]
        canvas.polygon(stone, (112, 106, 112), labels=("rock",))
        canvas.polygon([(x - 12, 166), (x - 2, 158), (x + 4, 166), (x - 6, 174)], (158, 152, 156), labels=("rock",))
    elif scene.thing == "flower":
        canvas.polygon(bar((x, 160), (x, 192), 5), (40, 120, 40), labels=("flower",))
        for dx, dy in ((-9, 0), (9, 0), (0, -9), (0, 9)):
            canvas.polygon(ellipse(x + dx, 156 + dy, 8, 8), (250, 150, 200), labels=("flower",))
        canvas.polygon(ellipse(x, 156, 6, 6), (250, 220, 60), labels=("flower",))


def draw_perch(canvas: Canvas, scene: Scene, foot: tuple[float, float], scale: float) -> None:
    """Paint what one bird among several stands on: a piece of a branch, or its shadow on the ground."""
    x, y = foot
    if scene.pose == "branch":
        branch = bar((x - 44 * scale, y + 7 * scale), (x + 44 * scale, y + 5 * scale), 11 * scale)
        canvas.polygon(branch, _BARK, labels=("on_branch",))
    elif scene.pose == "ground":
        _draw_shadow(canvas, scene, x, y, scale)


def _draw_shadow(canvas: Canvas, scene: Scene, x: float, y: float, scale: float = 1.0) -> None:
    shadow = ellipse(x, y + 3 * scale, 30 * scale, 5 * scale)
    canvas.polygon(shadow, shade(_LAND[scene.habitat], 0.62), labels=("on_ground",))


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _thing_x(texture: np.ndarray) -> float:
    x = float(20 + 10 * texture[1])
    return x if texture[0] < 0.5 else CANVAS_SIZE - x


def _draw_sun_and_cloud(canvas: Canvas, scene: Scene, texture: np.ndarray) -> None:
    x = 32 + 12 * texture[2]
    labels = ("sun_left",) if scene.sun_left else ("sun_right",)
    sun_x = x if scene.sun_left else CANVAS_SIZE - x
    colour = _MOON if scene.night else _SUN
    canvas.polygon(ellipse(sun_x, 18 + 8 * texture[3], 13, 13), colour, labels=labels)
    if scene.cloud:
        cx, cy = 88 + 16 * texture[4], 15 + 8 * texture[5]
        for dx, dy, r in ((-20, 3, 10), (0, 0, 13), (20, 3, 10)):
            canvas.polygon(ellipse(cx + dx, cy + dy, 1.5 * r, r), (250, 250, 252), labels=("cloud",))


def _draw_water(canvas: Canvas, top: float, bottom: float, texture: np.ndarray, *, labels: tuple[str, ...]) -> None:
    canvas.polygon(_box(0, top, CANVAS_SIZE, bottom), _WATER, labels=labels)
    for i in range(5):
        x, y = 170 * texture[10 + i], top + 8 + (bottom - top - 12) * texture[15 + i]
        if y < bottom - 4:
            canvas.polygon(_box(x, y, x + 26, y + 3), _WAVE, labels=labels)


def _draw_branch(canvas: Canvas, foot_x: float, foot_y: float, texture: np.ndarray) -> None:
    slope = 10 * (texture[6] - 0.5)
    wide = (
        bar((-4, foot_y + 6 + slope), (foot_x, foot_y + 5), 11),
        bar((foot_x, foot_y + 5), (196, foot_y + 6 - slope), 11),
    )
    for part in wide:
        canvas.polygon(part, _BARK, labels=("on_branch",))
    leaf_x = 30 + 130 * texture[7]
    canvas.polygon(ellipse(leaf_x, foot_y + 12, 10, 5), (70, 150, 50), labels=("on_branch",))


def _forest(canvas: Canvas, texture: np.ndarray) -> None:
    for i in range(9):
        x, top = 24 * i + 14 * texture[10 + i] - 6, 44 + 34 * texture[(13 + 5 * i) % 24]
        colour = (22, int(74 + 26 * texture[(11 + 7 * i) % 24]), 44)
        canvas.polygon([(x, top), (x + 20, HORIZON + 4), (x - 20, HORIZON + 4)], colour, labels=("forest",))


def _sea(canvas: Canvas, texture: np.ndarray) -> None:
    x = 20 + 150 * texture[8]
    canvas.polygon([(x, HORIZON - 28), (x + 17, HORIZON - 6), (x, HORIZON - 6)], (252, 252, 252), labels=("sea",))
    canvas.polygon(
        [(x - 12, HORIZON - 5), (x + 19, HORIZON - 5), (x + 12, HORIZON + 2), (x - 7, HORIZON + 2)],
        (120, 40, 40),
        labels=("sea",),
    )


def _snow(canvas: Canvas, texture: np.ndarray) -> None:
    for i in range(3):
        x, top = 20 + 76 * i + 20 * texture[10 + i], 56 + 22 * texture[13 + i]
        canvas.polygon([(x, top), (x + 52, HORIZON), (x - 52, HORIZON)], (116, 128, 158), labels=("snow",))
        canvas.polygon(
            [(x, top), (x + 20, top + 20), (x, top + 15), (x - 20, top + 20)], (250, 252, 255), labels=("snow",)
        )


def _desert(canvas: Canvas, texture: np.ndarray) -> None:
    for i in range(3):
        x = 10 + 84 * i + 24 * texture[10 + i]
        canvas.polygon(ellipse(x, HORIZON + 4, 58, 18 + 14 * texture[13 + i]), (226, 178, 106), labels=("desert",))
    x = 20 + 150 * texture[8]
    cactus = (bar((x, 66), (x, HORIZON + 6), 9), bar((x - 13, 76), (x - 13, 92), 7), bar((x - 14, 92), (x, 92), 7))
    for part in (*cactus, bar((x + 12, 72), (x + 12, 86), 7), bar((x, 86), (x + 14, 86), 7)):
        canvas.polygon(part, (86, 130, 62), labels=("desert",))


def _meadow(canvas: Canvas, texture: np.ndarray) -> None:
    for i in range(3):
        x = 14 + 80 * i + 24 * texture[10 + i]
        canvas.polygon(ellipse(x, HORIZON + 6, 62, 22 + 10 * texture[13 + i]), (92, 164, 70), labels=("meadow",))


def _draw_grass(canvas: Canvas, texture: np.ndarray) -> None:
    for i in range(10):
        x, y = 190 * texture[10 + i], HORIZON + 14 + 62 * texture[(17 + 3 * i) % 24]
        canvas.polygon([(x - 3, y), (x, y - 11), (x + 3, y)], (54, 122, 40), labels=("meadow",))


def _city(canvas: Canvas, texture: np.ndarray) -> None:
    for i in range(6):
        left, top = 34 * i - 4, 48 + 44 * texture[10 + i]
        grey = int(70 + 50 * texture[16 + i])
        canvas.polygon(_box(left, top, left + 28, HORIZON + 2), (grey, grey, grey + 12))
        canvas.polygon(_box(left + 8, top + 8, left + 14, top + 16), (236, 214, 120))


def _sunset(canvas: Canvas, texture: np.ndarray) -> None:
    for i, colour in enumerate(((240, 156, 96), (248, 186, 104))):
        canvas.polygon(_box(0, 60 + 26 * i, CANVAS_SIZE, HORIZON + 2), colour)
    canvas.polygon(ellipse(190 * texture[10], HORIZON + 4, 70, 16 + 10 * texture[11]), (120, 78, 100))


def _room(canvas: Canvas, texture: np.ndarray) -> None:
    for i in range(7):
        x = 30 * i + 16 * texture[10]
        canvas.polygon(_box(x, 0, x + 7, HORIZON + 2), (196, 166, 124))


_BACKDROPS: Final[dict[str, Callable[[Canvas, np.ndarray], None]]] = {
    "forest": _forest,
    "sea": _sea,
    "snow": _snow,
    "desert": _desert,
    "meadow": _meadow,
    "city": _city,
    "sunset": _sunset,
    "room": _room,
}
