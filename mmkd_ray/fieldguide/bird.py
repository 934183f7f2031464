"""Draw a bird without a scene: in the bird's frame, with the beak to the right and one unit per canvas pixel.

Parts are large: three units are one pixel of the final image, and a trait must change dozens of pixels.
"""

from typing import Final

from mmkd_ray.fieldguide.canvas import Canvas, Colour, Frame, bar, ellipse, shade
from mmkd_ray.fieldguide.traits import Bird

# No plumage is black or pink: those colours are kept for marks, which must show on every bird.
PLUMAGE: Final[dict[str, Colour]] = {
    "brown": (134, 86, 44),
    "grey": (138, 142, 150),
    "red": (204, 38, 38),
    "blue": (40, 84, 204),
    "green": (34, 138, 52),
    "white": (246, 246, 242),
    "yellow": (248, 214, 40),
    "orange": (240, 132, 28),
}
BLACK: Final[Colour] = (22, 20, 26)
WHITE: Final[Colour] = (252, 252, 250)
PINK: Final[Colour] = (244, 84, 186)
ORANGE: Final[Colour] = (252, 148, 16)
LEG_RED: Final[Colour] = (226, 34, 30)
LEG_DARK: Final[Colour] = (58, 56, 62)

Point = tuple[float, float]


def _if(label: str, condition: bool) -> tuple[str, ...]:
    return (label,) if condition else ()


def body_height(bird: Bird) -> float:
    """Half the height of the body."""
    return 33.0 if bird.plump else 20.0


def foot_y(bird: Bird) -> float:
    """How far below the middle of the body the feet are, in the bird's frame."""
    return body_height(bird) - 3 + (42.0 if bird.long_legs else 17.0)


def head_centre(bird: Bird) -> Point:
    """Middle of the head; a long neck lifts it."""
    return (42.0, -50.0) if bird.long_neck else (36.0, -24.0)


def draw_bird(canvas: Canvas, bird: Bird, frame: Frame, *, flying: bool, legs: bool) -> None:
    """Paint a bird.

    Args:
        canvas: What to paint on.
        bird: The plumage.
        frame: Where, how large and which way round.
        flying: Whether the wing is raised.
        legs: Whether legs are visible.
    """
    if legs:
        _draw_legs(canvas, bird, frame)
    _draw_tail(canvas, bird, frame)
    _draw_body(canvas, bird, frame)
    _draw_neck(canvas, bird, frame)
    _draw_wing(canvas, bird, frame, flying=flying)
    _draw_head(canvas, bird, frame)


def _draw_legs(canvas: Canvas, bird: Bird, frame: Frame) -> None:
    colour = LEG_RED if bird.red_legs else LEG_DARK
    labels = _if("red_legs", bird.red_legs) + _if("long_legs", bird.long_legs)
    top, foot = body_height(bird) - 8, foot_y(bird)
    for x in (-7.0, 11.0):
        canvas.polygon(bar((x, top), (x, foot), 6), colour, frame=frame, labels=labels)
        canvas.polygon(bar((x - 4, foot), (x + 10, foot), 5), colour, frame=frame, labels=labels)


def _draw_tail(canvas: Canvas, bird: Bird, frame: Frame) -> None:
    length = 54.0 if bird.long_tail else 22.0
    labels = _if("long_tail", bird.long_tail) + _if("forked_tail", bird.forked_tail)
    tip_labels = (*labels, *_if("white_tail_tip", bird.white_tail_tip))
    colour = shade(PLUMAGE[bird.back], 0.72)
    tip_colour = WHITE if bird.white_tail_tip else colour
    # High enough to stay above the water when the bird swims.
    spread = ((-24.0, -3.0), (8.0, 3.0)) if bird.forked_tail else ((-6.0, 0.0),)
    half = 8.0 if bird.forked_tail else 11.0
    for drop, root in spread:
        start, end = (-24.0, root), (-32.0 - length, root + drop)
        middle = (end[0] + 15, end[1] - (end[1] - start[1]) * 15 / (start[0] - end[0]))
        canvas.polygon(bar(start, middle, 2 * half), colour, frame=frame, labels=labels)
        canvas.polygon(bar(middle, end, 2 * half), tip_colour, frame=frame, labels=tip_labels)


def _draw_body(canvas: Canvas, bird: Bird, frame: Frame) -> None:
    height = body_height(bird)
    plump = _if("plump", bird.plump)
    back_labels = (f"{bird.back}_back", *plump)
    canvas.polygon(ellipse(0, 0, 40, height), PLUMAGE[bird.back], frame=frame, labels=back_labels)
    belly_labels = (f"{bird.belly}_belly", *plump)
    cy, ry = 0.36 * height, 0.66 * height
    canvas.polygon(ellipse(7, cy, 31, ry), PLUMAGE[bird.belly], frame=frame, labels=belly_labels)
    if bird.pattern == "striped":
        for x in (-15.0, -3.0, 9.0, 21.0):
            reach = ry * (0.95 - abs(x - 7) / 60)
            labels = ("striped_belly", *plump)
            canvas.polygon(bar((x, cy - reach), (x, cy + reach), 5), BLACK, frame=frame, labels=labels)
    elif bird.pattern == "spotted":
        for row, y in enumerate((cy - 0.3 * ry, cy + 0.25 * ry, cy + 0.72 * ry)):
            for x in (-13.0, 0.0, 13.0, 26.0) if row != 1 else (-6.0, 7.0, 20.0):
                if (x - 7) ** 2 / 31**2 + (y - cy) ** 2 / ry**2 < 0.9:
                    labels = ("spotted_belly", *plump)
                    canvas.polygon(ellipse(x, y, 4, 4), BLACK, frame=frame, labels=labels)


def _draw_neck(canvas: Canvas, bird: Bird, frame: Frame) -> None:
    x, y = head_centre(bird)
    labels = (f"{bird.head}_head", *_if("long_neck", bird.long_neck))
    neck = [(18.0, -8.0), (x - 9, y), (x + 9, y), (39.0, 2.0)]
    canvas.polygon(neck, PLUMAGE[bird.head], frame=frame, labels=labels)
    if bird.chest_band:
        band = [(14.0, -13.0), (24.0, -17.0), (45.0, 8.0), (36.0, 17.0)]
        canvas.polygon(band, BLACK, frame=frame, labels=("chest_band",))


def _between(a: Point, b: Point, t: float) -> Point:
    return (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]))


def _draw_wing(canvas: Canvas, bird: Bird, frame: Frame, *, flying: bool) -> None:
    # Four corners: front and rear of the root, front and rear of the tip.
    if flying:
        root_front, root_rear, tip_front, tip_rear = (16.0, -8.0), (-24.0, -4.0), (-8.0, -76.0), (-38.0, -66.0)
    else:
        root_front, root_rear, tip_front, tip_rear = (14.0, -16.0), (10.0, 8.0), (-48.0, -12.0), (-44.0, 8.0)
    colour = shade(PLUMAGE[bird.back], 0.84)
    wing = [root_front, tip_front, tip_rear, root_rear]
    canvas.polygon(wing, colour, frame=frame, labels=(f"{bird.back}_back",))
    if bird.wing_bars:
        for t in (0.18, 0.46):
            start, end = _between(root_front, tip_front, t), _between(root_rear, tip_rear, t)
            canvas.polygon(bar(start, end, 7), WHITE, frame=frame, labels=("wing_bars",))
    if bird.dark_wing_tips:
        tip = [
            _between(root_front, tip_front, 0.68),
            tip_front,
            tip_rear,
            _between(root_rear, tip_rear, 0.68),
        ]
        canvas.polygon(tip, BLACK, frame=frame, labels=("dark_wing_tips",))


def _draw_head(canvas: Canvas, bird: Bird, frame: Frame) -> None:
    x, y = head_centre(bird)
    if bird.crest:
        for (dx, dy), (tx, ty) in (((-4, -8), (-32, -24)), ((0, -10), (-20, -36)), ((5, -12), (-3, -40))):
            feather = [(x + dx - 6, y + dy + 4), (x + tx, y + ty), (x + dx + 6, y + dy)]
            canvas.polygon(feather, shade(PLUMAGE[bird.back], 0.8), frame=frame, labels=("crest",))
    _draw_beak(canvas, bird, frame)
    labels = (f"{bird.head}_head", *_if("long_neck", bird.long_neck))
    canvas.polygon(ellipse(x, y, 19, 18), PLUMAGE[bird.head], frame=frame, labels=labels)
    if bird.cap:
        cap = [(x - 18, y - 8), (x - 14, y - 16), (x, y - 24), (x + 14, y - 16), (x + 18, y - 9)]
        canvas.polygon(cap, BLACK, frame=frame, labels=("cap",))
    if bird.pink_throat:
        throat = [(x + 18, y + 5), (x + 2, y + 6), (x - 8, y + 17), (x - 1, y + 30), (x + 10, y + 19)]
        canvas.polygon(throat, PINK, frame=frame, labels=("pink_throat",))
    _draw_eye(canvas, bird, frame)


def _draw_beak(canvas: Canvas, bird: Bird, frame: Frame) -> None:
    x, y = head_centre(bird)
    length = 32.0 if bird.long_beak else 14.0
    colour = ORANGE if bird.orange_beak else LEG_DARK
    labels = _if("long_beak", bird.long_beak) + _if("orange_beak", bird.orange_beak)
    base, tip = x + 14, x + 17 + length
    if bird.hooked_beak:
        points = [(base, y - 8), (tip - 4, y - 7), (tip + 4, y), (tip + 2, y + 23), (tip - 11, y + 8), (base, y + 8)]
        canvas.polygon(points, colour, frame=frame, labels=(*labels, "hooked_beak"))
    else:
        points = [(base, y - 8), (tip, y - 1), (tip, y + 2), (base, y + 8)]
        canvas.polygon(points, colour, frame=frame, labels=labels)


def _draw_eye(canvas: Canvas, bird: Bird, frame: Frame) -> None:
    x, y = head_centre(bird)
    ex, ey = x + 4, y - 1
    if bird.eye_stripe:
        stripe = bar((x - 23, ey + 5), (x + 18, ey + 2), 9)
        canvas.polygon(stripe, BLACK, frame=frame, labels=("eye_stripe",))
    if bird.eye_ring:
        # White with a dark rim: it has to show on a white head and on a dark stripe alike.
        canvas.polygon(ellipse(ex, ey, 11, 11), BLACK, frame=frame, labels=("eye_ring",))
        canvas.polygon(ellipse(ex, ey, 9, 9), WHITE, frame=frame, labels=("eye_ring",))
    canvas.polygon(ellipse(ex, ey, 4, 4), BLACK, frame=frame, labels=_if("eye_ring", bird.eye_ring))
