"""Scenes: one to six birds of the field guide in one picture, with exact boxes, for object detection."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmkd_ray.errors import MmkdError
from mmkd_ray.fieldguide.bird import draw_bird, foot_y
from mmkd_ray.fieldguide.canvas import CANVAS_SIZE, Canvas, Frame
from mmkd_ray.fieldguide.render import TEXTURE_NUMBERS, encode_png, photograph
from mmkd_ray.fieldguide.scene import draw_background, draw_perch
from mmkd_ray.fieldguide.species import Species, individual, make_species
from mmkd_ray.fieldguide.traits import HABITATS, SHIFT_HABITATS, Picture, Scene, random_jitter, random_scene

SCENE_SPLITS: Final = ("train", "val", "test", "shift", "strangers")
"""`shift` shows habitats that no other split has; in `strangers`, half of the birds are of species that no class is."""
MOST_BIRDS: Final = 6
STRANGERS: Final = 4
"""Species that are no classes: the last ones."""

_CANVAS: Final = 2 * CANVAS_SIZE
"""Side of the canvas of a scene; the finished picture has 128 pixels a side."""
_SIZES: Final = ((0.35, (0.45, 0.65)), (0.85, (0.8, 1.3)), (1.0, (1.9, 2.3)))
"""Up to which share of the birds, their size: small, medium and large in COCO's sense (32 and 96 pixels)."""
_TRIES: Final = 20
_LEAST_INSIDE, _LEAST_VISIBLE = 0.8, 0.65
"""Of a bird's pixels, the share that lies in the picture, and the share that no other bird hides."""


@dataclass(frozen=True, slots=True)
class PlacedBird:
    """A bird of a scene.

    Attributes:
        species: Its number; a class if it is below the number of classes.
        picture: The bird, and what is around it.
        frame: Where it is, on the canvas.
        box: Left, top, width and height of the pixels that are seen of it, in the finished picture.
        area: How many they are.
    """

    species: int
    picture: Picture
    frame: Frame
    box: tuple[int, int, int, int]
    area: int


@dataclass(frozen=True, slots=True)
class BirdScene:
    """Everything that determines a picture: its birds, the first one behind the others, and its light."""

    birds: tuple[PlacedBird, ...]
    backdrop: Picture
    """Its scene and its light are the picture's."""


@lru_cache(maxsize=20_000)
def scene_of(image_id: str, *, species_seed: int, seed: int, classes: int) -> BirdScene:
    """The description of one scene; depends only on these arguments.

    Args:
        image_id: As from `listed_scenes`, such as "train/00007".
        species_seed: Seed of the species (see `make_species`); the first `classes` of them are classes.
        seed: Seed of the scenes.
        classes: How many species are classes.

    Raises:
        MmkdError: There is no such scene.
    """
    split, _, number = image_id.partition("/")
    if split not in SCENE_SPLITS or not number.isdecimal():
        raise MmkdError(f"The field guide has no scene {image_id!r}; accepted: {SCENE_SPLITS[0]}/00000 and the like.")
    species = make_species(species_seed)
    rng = np.random.default_rng([seed, SCENE_SPLITS.index(split), int(number), _CANVAS])
    habitats = SHIFT_HABITATS if split == "shift" else HABITATS
    around, light = random_scene(rng, habitats), random_jitter(rng)
    scene = replace(around, thing="none", pose="flying")
    chosen = [_draw_bird(species, classes, scene, rng, strangers=split == "strangers") for _ in range(_count(rng))]
    # The largest first: behind the others.
    placed = _place(sorted(chosen, key=lambda one: -one[2]), rng)
    return BirdScene(tuple(placed), Picture(placed[0].picture.bird, scene, light))


def render_scene(scene: BirdScene) -> NDArray[np.uint8]:
    """Draw a scene: `image_HWC`, 128 x 128 RGB."""
    texture_rng = np.random.default_rng(scene.backdrop.jitter.texture_seed)
    behind = Canvas()
    draw_background(behind, scene.backdrop.scene, texture_rng.random(TEXTURE_NUMBERS), foot_y=0.0, foot_x=0.0)
    canvas = Canvas(size=_CANVAS)
    canvas.image.paste(behind.image.resize(canvas.image.size, Image.Resampling.BICUBIC))
    for bird in scene.birds:
        (foot,) = bird.frame.to_canvas([(2.0, foot_y(bird.picture.bird))]).tolist()
        draw_perch(canvas, bird.picture.scene, (foot[0], foot[1]), bird.frame.scale)
        _draw(canvas, bird.picture, bird.frame)
    return photograph(canvas.image, scene.backdrop, texture_rng)


def listed_scenes(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Id and split of every scene; nothing is drawn."""
    for split in SCENE_SPLITS:
        for number in range(counts.get(split, 0)):
            yield f"{split}/{number:05d}", split


def draw_scenes(image_ids: Iterable[str], *, species_seed: int, seed: int, classes: int) -> Iterator[bytes]:
    """The PNG of each scene, by its id.

    Raises:
        MmkdError: There is no such scene.
    """
    for image_id in image_ids:
        yield encode_png(render_scene(scene_of(image_id, species_seed=species_seed, seed=seed, classes=classes)))


def _count(rng: np.random.Generator) -> int:
    return 1 + int(rng.integers(MOST_BIRDS))


def _draw_bird(
    species: tuple[Species, ...], classes: int, scene: Scene, rng: np.random.Generator, *, strangers: bool
) -> tuple[int, Picture, float]:
    """A bird for a scene: the number of its species, its picture, and its size."""
    number, stranger = int(rng.integers(classes)), len(species) - 1 - int(rng.integers(STRANGERS))
    if rng.random() < 0.5 and strangers:
        number = stranger
    one = individual(species[number], rng)
    # There is one water for all, and it would cover the small ones.
    pose = "ground" if one.scene.pose == "swimming" else one.scene.pose
    kind, within = rng.random(2)
    low, high = next(sizes for share, sizes in _SIZES if kind < share)
    around = replace(scene, pose=pose, facing_left=one.scene.facing_left)
    return number, replace(one, scene=around), float(low + (high - low) * within)


def _place(chosen: list[tuple[int, Picture, float]], rng: np.random.Generator) -> list[PlacedBird]:
    """Find a place for each bird where most of it and of those behind it is seen; without one, it is left out."""
    kept: list[tuple[int, Picture, Frame, NDArray[np.bool_], int]] = []
    for number, picture, size in chosen:
        scale = size * picture.jitter.scale
        whole = _mask(picture, _frame(picture, scale, 0.5, 0.5)).sum()
        for _ in range(_TRIES):
            frame = _frame(picture, scale, *rng.random(2))
            mask_HW = _mask(picture, frame)
            hidden = any(
                (seen_HW & ~mask_HW).sum() < _LEAST_VISIBLE * all_pixels for _, _, _, seen_HW, all_pixels in kept
            )
            if mask_HW.sum() >= _LEAST_INSIDE * whole and not hidden:
                kept = [(*bird[:3], bird[3] & ~mask_HW, bird[4]) for bird in kept]
                kept.append((number, picture, frame, mask_HW, int(whole)))
                break
    return [
        PlacedBird(number, picture, frame, _box(seen_HW), int(seen_HW.sum()))
        for number, picture, frame, seen_HW, _ in kept
    ]


def _frame(picture: Picture, scale: float, across: float, down: float) -> Frame:
    """A bird's position, its middle somewhere in the picture; large ones stay near the middle of it."""
    reach = max(0.06, 1 - 0.42 * scale)
    x, y = (_CANVAS * (0.5 + reach * (share - 0.5)) for share in (across, down))
    mirrored = picture.scene.facing_left
    rotation = picture.jitter.rotation
    return Frame(x, y, scale, -rotation if mirrored else rotation, mirrored)


def _draw(canvas: Canvas, picture: Picture, frame: Frame) -> None:
    draw_bird(canvas, picture.bird, frame, flying=picture.scene.pose == "flying", legs=picture.shows_legs)


def _mask(picture: Picture, frame: Frame) -> NDArray[np.bool_]:
    """The pixels of the finished picture that show the bird, were it alone."""
    canvas = Canvas(with_parts=True, size=_CANVAS)
    _draw(canvas, picture, frame)
    return canvas.region_map() > 0


def _box(seen_HW: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(seen_HW.any(axis=1)), np.flatnonzero(seen_HW.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)
