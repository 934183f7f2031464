"""Bundles of the toy student: red, green and blue pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmkd_ray.artifacts import Folder
from mmkd_ray.students.bundle import write_bundle
from mmkd_ray.students.card import Card
from tests.support.pictures import encode
from tests.support.toy_student import STUDENT, pixels, run, student, trainer

CARD = Card(
    task="classify",
    identity="0123456789abcdef",
    name="makd seed 0",
    model=STUDENT.model,
    model_args=STUDENT.model_args,
    classes=3,
    class_names=("red", "green", "<b>blue</b>"),
    questions=("Is it red?", "Is it <i>green</i>?"),
    image_size=16,
    interpolation="bicubic",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    metrics={"val_top1": 0.9},
    class_answers=((0.9, 0.1), (0.1, 0.9), (0.1, 0.1)),
)
"""Some names are what a page must not take for markup."""
CLASSES = ("red", "green", "blue")
QUESTIONS = ("Is it red?", "Is it green?")
ANSWERS = ((0.9, 0.1), (0.1, 0.8), (0.2, 0.3))


def write_toy_bundle(folder: Path) -> str:
    """Train the student for a second, and write it; gives the folder."""
    write_bundle(Folder(str(folder)), CARD, run(trainer()).student)
    return str(folder)


def coloured(count: int) -> list[bytes]:
    """Noisy pictures of changing sizes and kinds, each of one class."""
    draw = np.random.default_rng(0)
    found = []
    for number in range(count):
        pixels = draw.integers(0, 90, (16 + number % 9, 20, 3), dtype=np.uint8)
        pixels[..., number % 3] += 120
        found.append(encode(Image.fromarray(pixels), ("PNG", "JPEG")[number % 2]))
    return found


def untrained_bundle(folder: Path, **changes: Any) -> str:
    """Write the student with its first weights, which explains, and with plain names; gives the folder.

    `changes` are of its card.
    """
    plain = {"class_names": CLASSES, "questions": QUESTIONS, "class_answers": ANSWERS}
    write_bundle(Folder(str(folder)), Card(**{**CARD.model_dump(), **plain, **changes}), student())
    return str(folder)


def save_pictures(folder: Path, count: int) -> list[str]:
    """Write so many pictures of the toy data; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.png" for number in range(count)]
    for path, image in zip(paths, pixels(count, 3).images_M3SS, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return [str(path) for path in paths]
