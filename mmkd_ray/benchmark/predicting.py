"""How fast are many images predicted? `mmkd predict` against a Dataset, a DataLoader and the same model."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmkd_ray.benchmark import plain_predicting
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process
from mmkd_ray.benchmark.data import write_pictures
from mmkd_ray.benchmark.ratio import Ratio, over
from mmkd_ray.benchmark.untrained import CLASSES, QUESTIONS, write_untrained
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import StudentConfig
from mmkd_ray.prediction.finding import find_images
from mmkd_ray.prediction.here import predict_here
from mmkd_ray.prediction.predicting import PredictionJob
from mmkd_ray.prediction.predictor import BATCH, Predictor


@dataclass(frozen=True)
class Size:
    """How much is predicted."""

    images: int = 10_000
    """JPEGs."""
    side: tuple[int, int] = (500, 375)
    """Width and height of each."""
    model: str = "resnet18"
    model_args: dict[str, Any] = field(default_factory=dict)
    image_size: int = 224
    classes: int = CLASSES
    questions: int = QUESTIONS


def predict_over_plain(bench: Bench, size: Size) -> list[Ratio]:
    """Images a second over the rival's, and those of a cluster on this machine over those of one process.

    Args:
        bench: keeps the measurements.
        size: how much is predicted.
    """
    folder, place = bench.folder / "predicted", bench.folder / "student"
    write_pictures(folder, size.images, side=size.side, suffix="jpg")
    crop_pct = write_student(place, size)

    def plain(loaders: int) -> float:
        return in_own_process(
            plain_predicting.predict_rate,
            str(folder), size.model, size.model_args, size.image_size, crop_pct, size.classes + size.questions, BATCH,
            loaders,
        )  # fmt: skip

    cores = len(os.sched_getaffinity(0))
    trials = {loaders: plain(loaders) for loaders in sorted({0, 1, cores})}
    best = max(trials, key=trials.__getitem__)
    rates = alternate(
        bench.rounds,
        {
            "as `mmkd predict` does": lambda _: in_own_process(our_rate, str(place), str(folder)),
            "one process": lambda _: in_own_process(rate_here, str(place), str(folder)),
            f"Dataset, DataLoader of {best}": lambda _: plain(best),
        },
    )
    ours, here, theirs = rates.values()
    for contender, values in rates.items():
        bench.add(f"{size.images:,} JPEGs, {size.model} at {size.image_size} px: {contender}", values, "images/s")
    return [
        Ratio("predict_over_plain", {size.model: over(ours, theirs)}, 1.0),
        Ratio("predict_over_one_process", {size.model: over(ours, here)}),
    ]


def write_student(place: Path, size: Size) -> float:
    """Write a student with its first weights; gives the share of a square's side that it is shown."""
    config = StudentConfig(model=size.model, model_args=size.model_args, image_size=size.image_size)
    return write_untrained(place, config, classes=size.classes, questions=size.questions).crop_pct


def our_rate(place: str, folder: str) -> float:
    """Images a second, from the listing of a folder to the last row; a cluster starts meanwhile, if there is one."""
    prepare_process(offline=True)
    job, started = PredictionJob.by(place), time.perf_counter()
    rows = sum(len(table) for table in job.of(find_images([folder]), lambda _: None))
    return rows / (time.perf_counter() - started)


def rate_here(place: str, folder: str) -> float:
    """The same by one process, however many there are."""
    job, started = PredictionJob.by(place), time.perf_counter()
    rows = sum(len(table) for table in predict_here(Predictor(job.bundle, False), find_images([folder])))
    return rows / (time.perf_counter() - started)
