"""What does it cost to serve a student? At saturation against the bare student; and how long an answer takes."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmkd_ray.artifacts import Folder
from mmkd_ray.benchmark.bare import bare_rate
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process, own_folder
from mmkd_ray.benchmark.data import write_pictures
from mmkd_ray.benchmark.load import form_request, latencies, saturate
from mmkd_ray.benchmark.predicting import Size as PredictedSize
from mmkd_ray.benchmark.predicting import predict_over_plain
from mmkd_ray.benchmark.ratio import Ratio, over
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.benchmark.untrained import write_untrained
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import ClusterConfig, ServeConfig, StudentConfig
from mmkd_ray.exports import onnx
from mmkd_ray.exports.measured import BATCHES, measure_cost
from mmkd_ray.exports.quantise import quantise
from mmkd_ray.students.bundle import load_bundle, write_card
from mmkd_ray.students.forms import FORMS

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
    predicted = PredictedSize(images=400) if quick else PredictedSize()
    with own_folder(say, quick=quick) as bench:
        served = photographs(bench, size, ("torch",) if quick else _forms())
        ratios = [served, drawings(bench, size), *predict_over_plain(bench, predicted), *narrow(bench, size)]
    return write_results(output, "deploy", ratios=ratios, measurements=bench.measurements, notes=_notes(size))


def photographs(bench: Bench, size: Size, forms: Sequence[str]) -> Ratio:
    """Requests of one image, to a student that takes milliseconds for it, in each form that is named."""
    place, pictures = _prepared(bench, PHOTOGRAPHS, size)
    places = {"torch": place, "onnxruntime": f"{place}-onnx"}
    if "onnxruntime" in forms:
        in_own_process(write_onnx, place, places["onnxruntime"])
    over_bare = {}
    for form in forms:
        row = f"{PHOTOGRAPHS.name}, {form}"
        over_bare[row] = _served_over_bare(bench, row, places[form], pictures, size)
    return Ratio("serve_over_bare", over_bare, 0.8)


def _served_over_bare(bench: Bench, row: str, place: str, pictures: list[Path], size: Size) -> list[float]:
    def bare(_: int) -> dict[str, float]:
        rate = bare_rate(place, pictures, processes=size.replicas, batch=size.batch, seconds=size.seconds)
        return {"rate of 1": rate}

    def served(_: int) -> dict[str, float]:
        return in_own_process(serve_round, place, pictures, size, (1,))

    rounds = alternate(bench.rounds, {_BARE: bare, _SERVED: served})
    rates = {name: [one["rate of 1"] for one in them] for name, them in rounds.items()}
    for name, values in rates.items():
        bench.add(f"{row}: {name}, {size.replicas} processes", values, "images/s")
    for percentile in ("p50", "p99"):
        bench.add(f"{row}: {percentile} at 50 % of that rate", [one[percentile] for one in rounds[_SERVED]], "ms")
    return over(rates[_SERVED], rates[_BARE])


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


def narrow(bench: Bench, size: Size) -> list[Ratio]:
    """A batch's time in int8 over that in float32, both by onnxruntime on one core; nothing where that is missing."""
    if "onnxruntime" not in _forms():
        return [Ratio("int8_over_float32", {}, lower_is_better=True)]
    place, pictures = _prepared(bench, PHOTOGRAPHS, size)
    places = {precision: f"{place}-{precision}" for precision in ("float32", "int8")}
    for precision, to in places.items():
        in_own_process(write_onnx, place, to, pictures if precision == "int8" else ())
    contenders = {name: lambda _, to=to: in_own_process(batch_ms, to) for name, to in places.items()}
    rounds = alternate(bench.rounds, contenders)
    rows = {}
    for batch in BATCHES:
        taken = {name: [one[batch] for one in them] for name, them in rounds.items()}
        for name, values in taken.items():
            bench.add(f"{PHOTOGRAPHS.name}, onnxruntime {name}: a batch of {batch}", values, "ms")
        rows[f"batch of {batch}"] = over(taken["int8"], taken["float32"])
    return [Ratio("int8_over_float32", rows, lower_is_better=True)]


def batch_ms(place: str) -> dict[int, float]:
    """Milliseconds of a batch on one core, by its size."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    prepare_to_compute(1)
    cost = measure_cost(load_bundle(place), Folder(place))
    return {batch: 1000 * seconds for batch, seconds in cost.seconds.items()}


def write_onnx(place: str, to: str, pictures: Sequence[Path] = ()) -> None:
    """Write a bundle's ONNX form; in int8, calibrated on pictures, if there are some."""
    bundle, file = load_bundle(place), Path(to) / FORMS["onnx"].weights
    Path(to).mkdir(parents=True)
    onnx.write(bundle.card, bundle.student, Path(to))
    if pictures:
        quantise(file, bundle.pixels(pictures))
    precision = "int8" if pictures else "float32"
    card = bundle.card.model_copy(update={"form": "onnx", "precision": precision})
    write_card(Folder(to), card, file.read_bytes())


def _forms() -> tuple[str, ...]:
    """What a student can be computed by here."""
    installed = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript"))
    return ("torch", "onnxruntime") if installed else ("torch",)


def _prepared(bench: Bench, workload: Workload, size: Size) -> tuple[str, list[Path]]:
    """A bundle with first weights, and pictures."""
    folder = bench.folder / workload.name.replace(" ", "-").replace(",", "").replace("'", "")
    if folder.exists():
        return str(folder / "bundle"), sorted((folder / "pictures").rglob("*.jpg"))
    write_pictures(folder / "pictures", size.pictures, side=workload.side, suffix="jpg")
    write_untrained(folder / "bundle", workload.student)
    return str(folder / "bundle"), sorted((folder / "pictures").rglob("*.jpg"))


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
    predicted = (
        "`predict_over_plain`: `mmkd predict` against a plain DataLoader and the same model, the best of three loaders"
    )
    int8 = "`int8_over_float32`: the time of a decoded batch, on one core, by onnxruntime"
    return [f"{note}." for note in (served, late, small, predicted, int8)]
