"""Our feeds, measured from within; each function runs in a process of its own."""

from __future__ import annotations

import mmap
import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from mmkd_ray import schema
from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.benchmark.our_training import TimedTrainer
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.config import Config
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.feed.files import Image, image_file
from mmkd_ray.data.feed.look import Look
from mmkd_ray.data.feed.order import epoch_batches
from mmkd_ray.data.feed.pictures import MappedPictures, mapped_name
from mmkd_ray.data.feed.pixels import Feed, PictureFeed, Pixels, load_feed
from mmkd_ray.data.feed.seeing import Viewer
from mmkd_ray.data.reading import MAX_PART_ROWS
from mmkd_ray.data.table import settings_identity
from mmkd_ray.identity import fingerprint
from mmkd_ray.students.model import build_student, student_input, training_fit
from mmkd_ray.students.targets.training_set import TrainingSet
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer

_SHAPE = (341, 256)
"""Of the made pictures: 500 x 375 with a shorter side of 256 pixels."""
_AT_A_TIME = 256
Trainer = TypeVar("Trainer", bound=StudentTrainer)
_SMALL = 8
"""Side of the pictures of a huge table."""


def make_table(config: Config) -> None:
    """The image table of a folder of pictures."""
    build_image_table(config, _run(config), lambda *_: None)


def feed_rate(config: Config, threads: int, epochs: int, from_disk: bool = False) -> float:
    """Images a second that come ready for a student, over all epochs but the first.

    Args:
        config: of the student.
        threads: that torch may use.
        epochs: how many, at least two.
        from_disk: whether the kernel forgets the pictures before each epoch, as if they were larger than memory.
    """
    prepare_to_compute(threads)
    feed, seen, seconds = _feed(config), 0, 0.0
    viewer = Viewer(feed, Look(config.train, student_input(config.student).size), torch.device("cpu"))
    for epoch in range(epochs):
        if from_disk:
            _forget(feed)
        started = time.perf_counter()
        batches = epoch_batches(len(feed), config.train, seed=0, epoch=epoch, ratios_N=feed.ratios_N)
        for images_BCHW in viewer.ahead(batches, lambda _, images: images):
            seen += len(images_BCHW) if epoch else 0
        seconds += time.perf_counter() - started if epoch else 0
    return seen / seconds


def _forget(feed: Feed) -> None:
    """Have the kernel drop the pictures that it holds in memory."""
    assert isinstance(feed.pictures, MappedPictures), "only these lie in a file of decoded ones"
    file = feed.pictures.file
    file.mapped.madvise(mmap.MADV_DONTNEED)  # else what this process has mapped stays
    with file.path.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def train(config: Config, steps: int, epochs: int, threads: int) -> dict[str, list[list[float]]]:
    """Train the student on some images: `begins` and `ends` of the steps of each epoch."""
    prepare_to_compute(threads)
    trainer = _trainer(config, _feed(config).subset(range(steps * config.train.batch_size)), TimedTrainer)
    for _ in range(epochs):
        trainer.run_epoch()
    return {"begins": trainer.begins, "ends": trainer.ends}


def memory_of_training(config: Config, pictures: int, together: Any = None) -> dict[str, float]:
    """MiB of a process at the end of an epoch, every picture seen: `Pss`, and `RssAnon`, which no other can use.

    Args:
        config: of the student.
        pictures: how many, made for this; the same for all processes.
        together: a barrier of the processes that hold them at the same time.
    """
    prepare_to_compute(1)
    file = image_file(f"made-{pictures}.u8", pictures, lambda: _made(pictures), what="made pictures")
    held = MappedPictures(file, interleaved=True)
    names, labels_N = [str(row) for row in range(pictures)], torch.arange(pictures) % 2
    feed = PictureFeed(names, names, labels_N, held, torch.arange(pictures), held.ratios())
    trainer = _trainer(config, feed, StudentTrainer)
    trainer.run_epoch()
    meet: Callable[[], object] = together.wait if together else lambda: None
    meet()
    found = {"Pss": _mib("/proc/self/smaps_rollup", "Pss:"), "RssAnon": _mib("/proc/self/status", "RssAnon:")}
    meet()
    return found


def make_huge_table(config: Config, count: int) -> None:
    """A table of so many small pictures, and the file of them that training maps into memory."""
    run = _run(config)
    images = run.refer_to_images(f"benchmark-{count}")
    folder = Path(images.path, "table", "train")
    folder.mkdir(parents=True)
    for start in range(0, count, MAX_PART_ROWS):
        numbers = range(start, min(start + MAX_PART_ROWS, count))
        columns = {
            "image_id": [f"train/{number:08}.png" for number in numbers],
            "image": [b"-"] * len(numbers),  # decoded below
            "sha256": ["-" * 64] * len(numbers),
            "label": [number % 2 for number in numbers],
            "class_name": ["ab"[number % 2] for number in numbers],
            "split": ["train"] * len(numbers),
        }
        pq.write_table(pa.table(columns, schema=schema.IMAGES), folder / f"part-{start // MAX_PART_ROWS:05d}.parquet")
    facts = {"images": {"train": count}, "class_names": ["a", "b"], "quarantined": 0}
    images.finish("benchmark", settings=settings_identity(config), digest=fingerprint(images=count), **facts)
    name = mapped_name(run, ["train"], training_fit(config), interleaved=True)
    image_file(name, count, lambda: _made(count, (_SMALL, _SMALL)), what="made pictures")


def start_of_training(config: Config, steps: int) -> dict[str, float]:
    """Seconds from nothing to the end of the first step (`first`), and of the median of so many after it (`step`)."""
    prepare_to_compute(1)
    started = time.perf_counter()
    feed = _feed(config)
    trainer = _trainer(config, feed, StudentTrainer)
    ends = []
    for batch in islice(epoch_batches(len(feed), config.train, seed=0, epoch=0, ratios_N=feed.ratios_N), steps + 1):
        trainer.step(trainer.prepare(batch))
        ends.append(time.perf_counter())
    return {"first": ends[0] - started, "step": statistics.median(np.diff(ends).tolist())}


def _run(config: Config) -> Run:
    return open_run(config.storage.path, config.name)


def _feed(config: Config) -> Feed:
    light = config.train.views == "light"
    return load_feed(_run(config), ["train"], training_fit(config), how=config.cluster.feed, batched=light)


def _trainer(config: Config, feed: Feed, kind: type[Trainer]) -> Trainer:
    """Of a student of two classes, validated on nothing that counts."""
    torch.manual_seed(0)
    student, size = build_student(config.student, classes=2, aspects=0), student_input(config.student).size
    val = Pixels(["0"], ["val"], torch.zeros(1, dtype=torch.int64), torch.zeros(1, 3, size, size, dtype=torch.uint8))
    taught = TrainingSet(feed, val)
    return kind(student, student, taught, config.train, task=CLASSIFY, image_size=size, seed=0)


def _made(count: int, shape: tuple[int, int] = _SHAPE) -> Iterator[list[Image]]:
    """Pictures of noise, the same ones again and again."""
    width, height = shape
    noise = np.random.default_rng(0).integers(0, 256, (3, height, width), dtype=np.uint8)
    for start in range(0, count, _AT_A_TIME):
        yield [(noise.data, width, height)] * min(_AT_A_TIME, count - start)


def _mib(place: str, name: str) -> float:
    lines = Path(place).read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**10
