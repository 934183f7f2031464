"""What does it cost to serve a student? At saturation against the bare student; and how long an answer takes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmkd_ray.artifacts import Folder
from mmkd_ray.benchmark.bare import bare_rate
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process, own_folder
from mmkd_ray.benchmark.data import write_pictures
from mmkd_ray.benchmark.load import form_request, latencies, saturate
from mmkd_ray.benchmark.ratio import Ratio
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import ClusterConfig, ServeConfig, StudentConfig
from mmkd_ray.students.bundle import write_bundle
from mmkd_ray.students.card import Card
from mmkd_ray.students.model import build_student, student_input

_CLASSES, _QUESTIONS = 100, 50
_SERVED, _BARE = "served", "bare"


@dataclass(frozen=True)
class Workload:
    """A student, and pictures that are sent to it."""

    name: str
    student: StudentConfig
    side: tuple[int, int]
    """Width and height of the pictures, JPEGs."""


PHOTOGRAPHS = Workload("resnet18, 224 px", StudentConfig(model="resnet18", image_size=224), (500, 375))
DRAWINGS = Workload(
    "quickstart's student, 64 px",
    StudentConfig(
        model="resnet18",
        model_args={"layers": [1, 1, 1, 1], "channels": [16, 32, 64, 128], "stem_type": "deep", "stem_width": 8},
        image_size=64,
    ),
    (64, 64),
)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    pictures: int = 192
    batch: int = 32
    replicas: int = len(os.sched_getaffinity(0))
    warm_s: float = 3
    seconds: float = 10


def benchmark_deploy(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `deploy.json` and `deploy.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: three rounds in place of five, and shorter ones.
        say: called with each result as it comes.
    """
    size = Size(warm_s=2, seconds=6) if quick else Size()
    with own_folder(say, quick=quick) as bench:
        ratios = [*photographs(bench, size), drawings(bench, size)]
    return write_results(output, "deploy", ratios=ratios, measurements=bench.measurements, notes=_notes(size))


def photographs(bench: Bench, size: Size) -> list[Ratio]:
    """Requests of one image, to a student that takes milliseconds for it."""
    place, pictures = _prepared(bench, PHOTOGRAPHS, size)
    bare = partial(bare_rate, place, pictures, processes=size.replicas, batch=size.batch, seconds=size.seconds)
    rounds = alternate(
        bench.rounds,
        {
            _BARE: lambda _: {"rate": bare()},
            _SERVED: lambda _: in_own_process(serve_round, place, pictures, size, (1,)),
        },
    )
    rates = {name: [one["rate" if name == _BARE else "rate of 1"] for one in them] for name, them in rounds.items()}
    for name, values in rates.items():
        bench.add(f"{PHOTOGRAPHS.name}: {name}, {size.replicas} processes", values, "images/s")
    for percentile in ("p50", "p99"):
        values = [one[percentile] for one in rounds[_SERVED]]
        bench.add(f"{PHOTOGRAPHS.name}: {percentile} at 50 % of that rate", values, "ms")
    return [Ratio("serve_over_bare", {PHOTOGRAPHS.name: _over(rates[_SERVED], rates[_BARE])}, 0.8)]


def drawings(bench: Bench, size: Size) -> Ratio:
    """A student that takes less than a request itself: one image a request, and a batch a request."""
    place, pictures = _prepared(bench, DRAWINGS, size)
    bare = bare_rate(place, pictures, processes=size.replicas, batch=size.batch, seconds=size.seconds)
    served = in_own_process(serve_round, place, pictures, size, (1, size.batch))
    bench.add(f"{DRAWINGS.name}: bare, {size.replicas} processes", [bare], "images/s")
    rows = {}
    for images in (1, size.batch):
        row = f"{images} image{'s' if images > 1 else ''} a request"
        rate = bench.add(f"{DRAWINGS.name}: {row}", [images * served[f"rate of {images}"]], "images/s")
        rows[row] = [rate / bare]
    return Ratio("serve_over_bare_small", rows)


def serve_round(place: str, pictures: list[Path], size: Size, images_per_request: tuple[int, ...]) -> dict[str, float]:
    """Start a service, saturate it, and, of the first kind of requests, take the latency at half of that rate."""
    prepare_process(offline=True)
    from mmkd_ray.cluster.connection import connect  # noqa: PLC0415 (Ray: after the environment is set)
    from mmkd_ray.serve.deployment import serving  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ongoing = 2 * size.batch
    config = ServeConfig(
        port=port,
        replicas=size.replicas,
        batch_size=size.batch,
        ongoing_requests=ongoing,
        images_per_request=size.batch,
    )
    images = [picture.read_bytes() for picture in pictures]
    found: dict[str, float] = {}
    with connect(ClusterConfig()), serving(place, config) as url:
        for together in images_per_request:
            requests = [
                form_request(url, images[first : first + together])
                for first in range(0, len(images) - together + 1, together)
            ]
            clients = max(2, ongoing * size.replicas // together)
            rate = saturate(url, requests, clients=clients, warm_s=size.warm_s, seconds=size.seconds)
            found[f"rate of {together}"] = rate
            if together == images_per_request[0]:
                taken = latencies(url, requests, rate=rate / 2, seconds=size.seconds)
                found |= {"p50": float(np.percentile(taken, 50)) * 1000, "p99": float(np.percentile(taken, 99)) * 1000}
    return found


def _prepared(bench: Bench, workload: Workload, size: Size) -> tuple[str, list[Path]]:
    """A bundle with first weights, and pictures."""
    folder = bench.folder / workload.name.replace(" ", "-").replace(",", "").replace("'", "")
    write_pictures(folder / "pictures", size.pictures, side=workload.side, suffix="jpg")
    torch.manual_seed(0)
    student = build_student(workload.student, classes=_CLASSES, aspects=_QUESTIONS)
    seen = student_input(workload.student)
    card = Card(
        task="classify",
        identity="benchmark",
        name=workload.name,
        model=workload.student.model,
        model_args=workload.student.model_args,
        classes=_CLASSES,
        class_names=tuple(f"class {number}" for number in range(_CLASSES)),
        questions=tuple(f"Is it as it is said in sentence {number}?" for number in range(_QUESTIONS)),
        image_size=seen.size,
        interpolation=seen.interpolation,
        mean=tuple(student.mean.flatten().tolist()),
        std=tuple(student.std.flatten().tolist()),
        metrics={},
    )
    write_bundle(Folder(str(folder / "bundle")), card, student)
    return str(folder / "bundle"), sorted((folder / "pictures").rglob("*.jpg"))


def _over(ours: list[float], theirs: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def _notes(size: Size) -> list[str]:
    served = (
        f"`serve_over_bare`: requests of one JPEG of 500 x 375 over HTTP, from clients on the same cores, to "
        f"{size.replicas} replicas with batches of up to {size.batch}. Bare: as many processes, each on a core of its "
        "own, that decode, resize and compute batches of as many JPEGs from memory; what proxy, replicas and clients "
        "take of the cores is the difference"
    )
    late = "p50, p99: from when a request was due (random times, half of the rate at saturation) to its answer"
    small = (
        "`serve_over_bare_small`: a student whose image costs less than a request does, which is what several images "
        "a request are for"
    )
    return [f"{note}." for note in (served, late, small)]
