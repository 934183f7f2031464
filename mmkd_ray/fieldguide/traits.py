"""The traits of drawn birds and their scenes, and random draws of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

BACKS: Final = ("brown", "grey", "red", "blue", "green")
BELLIES: Final = ("white", "yellow", "orange", "grey")
HEADS: Final = ("white", "yellow", "red", "blue", "green")
PATTERNS: Final = ("plain", "striped", "spotted")

POSES: Final = ("branch", "ground", "flying", "swimming")
HABITATS: Final = ("forest", "sea", "snow", "desert", "meadow")
SHIFT_HABITATS: Final = ("city", "sunset", "room")
OBJECTS: Final = ("none", "trunk", "rock", "flower")

MARKS: Final = (
    "crest",
    "long_beak",
    "hooked_beak",
    "orange_beak",
    "eye_ring",
    "eye_stripe",
    "cap",
    "pink_throat",
    "chest_band",
    "wing_bars",
    "dark_wing_tips",
    "long_tail",
    "forked_tail",
    "white_tail_tip",
    "long_legs",
    "red_legs",
    "long_neck",
    "plump",
)
"""The binary plumage traits: names of boolean fields of `Bird`."""


@dataclass(frozen=True, slots=True)
class Bird:
    """A bird's plumage and build, without its scene."""

    crest: bool
    long_beak: bool
    hooked_beak: bool
    orange_beak: bool
    eye_ring: bool
    eye_stripe: bool
    cap: bool
    pink_throat: bool
    chest_band: bool
    wing_bars: bool
    dark_wing_tips: bool
    long_tail: bool
    forked_tail: bool
    white_tail_tip: bool
    long_legs: bool
    red_legs: bool
    long_neck: bool
    plump: bool
    back: str
    belly: str
    head: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a bird is and what is around it."""

    habitat: str
    pose: str
    thing: str
    facing_left: bool
    sun_left: bool
    cloud: bool
    night: bool


@dataclass(frozen=True, slots=True)
class Jitter:
    """Properties that no question asks about: placement, light and camera.

    Lengths are in canvas pixels (`canvas.CANVAS_SIZE` a side), `rotation` in radians, `noise` in grey levels,
    `blur` in pixels of the final image (0: none).
    """

    scale: float
    rotation: float
    dx: float
    dy: float
    gain_RGB: tuple[float, float, float]
    brightness: float
    contrast: float
    noise: float
    blur: float
    texture_seed: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that determines an image."""

    bird: Bird
    scene: Scene
    jitter: Jitter

    @property
    def shows_legs(self) -> bool:
        """Legs are under water when the bird swims and tucked in when it flies."""
        return self.scene.pose in ("branch", "ground")


def choose(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """One of `options`, uniformly; always draws one number."""
    return options[int(rng.integers(len(options)))]


# Every number below is drawn even if it is not used: else one changed trait would shift all later draws, and so change
# the whole picture.


def random_bird(rng: np.random.Generator) -> Bird:
    """A bird with independent, uniform traits, of no species."""
    marks = rng.random(len(MARKS)) < 0.5
    return Bird(
        **{name: bool(mark) for name, mark in zip(MARKS, marks, strict=True)},
        back=choose(rng, BACKS),
        belly=choose(rng, BELLIES),
        head=choose(rng, HEADS),
        pattern=choose(rng, PATTERNS),
    )


def random_scene(rng: np.random.Generator, habitats: tuple[str, ...] = HABITATS) -> Scene:
    """A scene with independent traits; one in four is at night."""
    return Scene(
        habitat=choose(rng, habitats),
        pose=choose(rng, POSES),
        thing=choose(rng, OBJECTS),
        facing_left=bool(rng.random() < 0.5),
        sun_left=bool(rng.random() < 0.5),
        cloud=bool(rng.random() < 0.5),
        night=bool(rng.random() < 0.25),
    )


def random_jitter(rng: np.random.Generator) -> Jitter:
    """Placement, light and camera of one picture."""
    u = rng.random(12)
    texture_seed = int(rng.integers(2**32))
    blurred = u[9] < 0.25
    return Jitter(
        scale=float(0.8 + 0.15 * u[0]),
        rotation=float(0.3 * (u[1] - 0.5)),
        dx=float(9 * (u[2] - 0.5)),
        dy=float(14 * (u[3] - 0.5)),
        gain_RGB=(float(0.92 + 0.16 * u[4]), float(0.92 + 0.16 * u[5]), float(0.92 + 0.16 * u[6])),
        brightness=float(28 * (u[7] - 0.5)),
        contrast=float(0.85 + 0.3 * u[8]),
        noise=float(10 * u[11]),
        blur=float(0.35 + 0.35 * u[10]) if blurred else 0.0,
        texture_seed=texture_seed,
    )


def random_picture(rng: np.random.Generator, habitats: tuple[str, ...] = HABITATS) -> Picture:
    """A random bird in a random scene: what the teacher is trained on."""
    return Picture(random_bird(rng), random_scene(rng, habitats), random_jitter(rng))
