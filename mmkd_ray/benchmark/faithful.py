"""Does our training come to what the same recipe comes to in a plain loop, for square pictures and for wide ones?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
import torch
from PIL import Image, ImageDraw

from mmkd_ray.artifacts import open_run
from mmkd_ray.benchmark import plain_recipe
from mmkd_ray.benchmark.bench import Bench, in_own_process, own_folder
from mmkd_ray.benchmark.fieldguide_run import SMALL_STUDENT
from mmkd_ray.benchmark.ratio import Ratio
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.config import Config, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.feed.pixels import load_feed, load_pixels
from mmkd_ray.students.model import build_student, evaluation_fit, student_input, training_fit
from mmkd_ray.students.targets.training_set import TrainingSet
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer

_ROWS = {"square": ((250, 250), "crop"), "wide": ((400, 250), "crop"), "wide, squashed": ((400, 250), "squash")}
"""Shape of the pictures, and `data.fit`."""
_COLOURS, _KINDS = ((200, 60, 40), (40, 80, 200)), ("ellipse", "rectangle", "cross")
_OBJECT = 60
"""Side of what a picture shows, at a random place."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    images: int = 960
    """Half of them to train on, half to test on."""
    epochs: int = 20
    seeds: int = 5
    image_size: int = 64


def benchmark_faithful(
    output: str, *, quick: bool, say: Callable[[str], None], size: Size | None = None
) -> dict[str, Any]:
    """Measure, write `faithful.json` and `faithful.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: three seeds in place of five.
        say: called with each result as it comes.
        size: how much is measured.
    """
    size = size or Size(seeds=3 if quick else 5)
    with own_folder(say, quick=quick) as bench:
        rows = {name: _compare(bench, size, name, shape, fit) for name, (shape, fit) in _ROWS.items()}
    ratios = [Ratio("accuracy_over_plain", rows, 0.97)]
    return write_results(output, "faithful", ratios=ratios, measurements=bench.measurements, notes=_notes(size))


def _compare(bench: Bench, size: Size, name: str, shape: tuple[int, int], fit: str) -> list[float]:
    """Accuracy of ours over that of the plain loop, seed by seed."""
    folder = bench.folder / f"{shape[0]} x {shape[1]}"
    if not folder.exists():
        write_objects(folder, size.images, shape)
    config = _config(bench, size, folder, fit)
    ours = [in_own_process(our_accuracy, config, seed) for seed in range(size.seeds)]
    recipe = {
        **config.train.model_dump(include={"crop_scale", "epochs", "batch_size", "lr", "weight_decay"}),
        **config.student.model_dump(include={"model", "model_args", "crop_pct"}),
        "fit": fit,
        "size": size.image_size,
    }
    plain = [in_own_process(plain_recipe.accuracy, str(folder), recipe, seed) for seed in range(size.seeds)]
    bench.add(f"{name}: test accuracy of ours", ours, "(share)")
    bench.add(f"{name}: test accuracy of the plain loop", plain, "(share)")
    bench.add(f"{name}: difference in standard errors", [_standard_errors(ours, plain)], "(ratio)")
    return [one / other for one, other in zip(ours, plain, strict=True)]


def our_accuracy(config: Config, seed: int) -> float:
    """Train a student on the table's training images; the share of its test images that is right at the end."""
    prepare_to_compute(1)
    run = open_run(config.storage.path, config.name)
    build_image_table(config, run, lambda *_: None)
    torch.manual_seed(seed)
    student = build_student(config.student, classes=len(_COLOURS) * len(_KINDS), aspects=0)
    tested = load_pixels(run, ["test"], evaluation_fit(config))
    taught = TrainingSet(load_feed(run, ["train"], training_fit(config), batched=False), tested.subset([0]))
    size = student_input(config.student).size
    trainer = StudentTrainer(student, student, taught, config.train, task=CLASSIFY, image_size=size, seed=seed)
    for _ in range(config.train.epochs):
        trainer.run_epoch()
    return CLASSIFY.validate(student, tested, lambda counts: counts)


def write_objects(folder: Path, count: int, shape: tuple[int, int]) -> None:
    """JPEGs in `train/` and `test/` (and a few in `val/`) that show a small object of one of six classes."""
    draw, width, height = np.random.default_rng(0), *shape
    for number in range(count):
        colour, kind = number % 2, number // 2 % 3
        picture = Image.fromarray(draw.integers(60, 200, (5, 8, 3), dtype=np.uint8)).resize(
            shape, Image.Resampling.BICUBIC
        )
        left, top = int(draw.integers(0, width - _OBJECT)), int(draw.integers(0, height - _OBJECT))
        _draw(ImageDraw.Draw(picture), _KINDS[kind], (left, top), _COLOURS[colour])
        split = "val" if number < 12 else ("train", "test")[number // 6 % 2]
        place = folder / split / f"{_KINDS[kind]} {colour}"
        place.mkdir(parents=True, exist_ok=True)
        picture.save(place / f"{number:05}.jpg", quality=90)


def _draw(canvas: ImageDraw.ImageDraw, kind: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    (left, top), third = at, _OBJECT // 3
    right, bottom = left + _OBJECT, top + _OBJECT
    if kind == "cross":
        canvas.rectangle((left + third, top, right - third, bottom), fill=colour)
        canvas.rectangle((left, top + third, right, bottom - third), fill=colour)
    elif kind == "ellipse":
        canvas.ellipse((left, top, right, bottom), fill=colour)
    else:
        canvas.rectangle((left, top, right, bottom), fill=colour)


def _config(bench: Bench, size: Size, folder: Path, fit: str) -> Config:
    return validate(
        {
            "name": f"{fit}-{folder.name.replace(' ', '')}",
            "data": {"source": "folder", "path": str(folder), "fit": fit},
            "aspects": {"source": "fieldguide"},
            "student": {**SMALL_STUDENT, "image_size": size.image_size, "crop_pct": 0.875 if fit == "crop" else 1.0},
            "train": {
                "epochs": size.epochs,
                "batch_size": 32,
                "optimizer": "adamw",
                "lr": 0.002,
                "weight_decay": 0.05,
                "views": "torchvision",
                "decode_size": "full" if fit == "crop" else None,
                "crop_scale": [0.3, 1.0],
                "brightness": 0,
            },
            "storage": {"path": str(bench.folder / "runs")},
        }
    )


def _standard_errors(ours: list[float], plain: list[float]) -> float:
    """Difference of the means over its standard error."""
    spread = math.sqrt((statistics.variance(ours) + statistics.variance(plain)) / len(ours))
    return (statistics.mean(ours) - statistics.mean(plain)) / spread if spread else math.inf


def _notes(size: Size) -> list[str]:
    recipe = (
        f"A small ResNet at {size.image_size} px, {size.epochs} epochs, {size.seeds} seeds, RandomResizedCrop, flip; "
        f"{size.images // 2} JPEGs to train on, each with an object of {_OBJECT} px at a random place; tested on the "
        "middle square (crop_pct 0.875), or squashed."
    )
    plain = (
        "the plain loop: ImageFolder, torchvision's transforms on the files, timm's model, PyTorch's AdamW, one core."
    )
    limit = scipy.stats.t.ppf(0.975, 2 * size.seeds - 2)
    return [recipe, f"Ours against {plain}", f"`difference in standard errors`: up to {limit:.1f} is noise (95 %)."]
