"""How fast does a folder of pictures become an image table, and does memory stay flat? Against a plain Python loop."""

from __future__ import annotations

import hashlib
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmkd_ray.artifacts import open_run
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process
from mmkd_ray.benchmark.ratio import Ratio, over
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.cluster.connection import connect
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.cluster.spread import spread_over_cluster
from mmkd_ray.config import Config, validate
from mmkd_ray.data.building import build_image_table

_PICTURES = 8_000
"""JPEGs of 500 x 375 pixels, as a photograph of ImageNet is on average: about 75 kB each."""
_FEW, _MANY = 2_000, 40_000
"""Small pictures, for the driver's memory."""
_LOOP, _ONE, _ALL = "plain loop", "one core", "all cores"


def benchmark_data(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `data.json` and `data.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: three rounds in place of five, the memory twice.
        say: called with each result as it comes.
    """
    with tempfile.TemporaryDirectory(prefix="mmkd-benchmark-") as temporary:
        bench = Bench(quick, Path(temporary), say)
        rates = _rates(bench)
        growth = _memory_growth(bench)
    ratios = [
        Ratio("images_two_cores_over_one", {"JPEG": over(rates[_ALL], rates[_ONE])}, 1.7),
        Ratio("images_over_plain_loop", {"JPEG": over(rates[_ALL], rates[_LOOP])}, 1.5),
        Ratio("images_rss_growth", {"PNG": growth}, 1.15, lower_is_better=True),
    ]
    return write_results(output, "data", ratios=ratios, measurements=bench.measurements, notes=_notes())


def _rates(bench: Bench) -> dict[str, list[float]]:
    """Images a second of each contender, round by round."""
    folder = bench.folder / "jpeg"
    write_pictures(folder, _PICTURES, side=(500, 375), suffix="jpg")
    cores = len(os.sched_getaffinity(0))
    contenders = {
        _LOOP: lambda _: in_own_process(_plain_loop, folder),
        _ONE: lambda number: _ours(bench, folder, 1, number)[0],
        _ALL: lambda number: _ours(bench, folder, cores, number)[0],
    }
    rates = alternate(bench.rounds, contenders)
    said = {_LOOP: "plain Python loop: read, decode, hash", _ONE: "image table, one core"}
    for name, values in rates.items():
        bench.add(f"{_PICTURES:,} JPEGs: {said.get(name, f'image table, {cores} cores')}", values, "images/s")
    return rates


def _memory_growth(bench: Bench) -> list[float]:
    """Peak memory of the driver with many images over that with few."""
    peaks: dict[int, list[float]] = {}
    for count in (_FEW, _MANY):
        folder = bench.folder / f"png {count}"
        write_pictures(folder, count, side=(16, 16), suffix="png")
        rounds = range(2 if bench.quick else 3)
        peaks[count] = [_ours(bench, folder, len(os.sched_getaffinity(0)), number)[1] for number in rounds]
        bench.add(f"{count:,} small pictures: peak memory of the driver", peaks[count], "MiB")
    return over(peaks[_MANY], peaks[_FEW])


def _ours(bench: Bench, folder: Path, cores: int, number: int) -> tuple[float, float]:
    """Images a second, and MiB of the driver at most."""
    config = validate(
        {
            "name": f"{cores}-{number}",
            "data": {"source": "folder", "path": str(folder)},
            "aspects": {"source": "fieldguide"},
            "storage": {"path": str(bench.folder / f"runs {folder.name} {cores} {number}")},
        }
    )
    return in_own_process(_make_table, config, cores)


def _make_table(config: Config, cores: int) -> tuple[float, float]:
    prepare_process(offline=True)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    run = open_run(config.storage.path, config.name)
    with connect(config.cluster):
        started = time.perf_counter()
        record = build_image_table(config, run, lambda *_: None, partial(spread_over_cluster, retries=0))
        seconds = time.perf_counter() - started
    return sum(record["images"].values()) / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _plain_loop(folder: Path) -> float:
    """Images a second of the least that has to be done, by one process and without a table."""
    started, count = time.perf_counter(), 0
    for place in sorted(folder.rglob("*.*")):
        encoded = place.read_bytes()
        hashlib.sha256(encoded).hexdigest()
        with Image.open(place) as opened:
            opened.convert("RGB")
        count += 1
    return count / (time.perf_counter() - started)


def write_pictures(folder: Path, count: int, *, side: tuple[int, int], suffix: str) -> None:
    """Two classes and all splits; coarse colours with some noise, which compress as photographs do."""
    draw = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("train", "val", "test")[number % 3] / "ab"[number // 3 % 2]
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(draw.integers(0, 255, (24, 32, 3), dtype=np.uint8)).resize(side)
        noise = draw.integers(-20, 20, (side[1], side[0], 1))
        pixels = np.clip(np.asarray(coarse, dtype=np.int16) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number:06}.{suffix}", quality=85)


def _notes() -> list[str]:
    two_over_one = (
        "images a second of `mmkd images`, from listing to record, on two cores over one (all of Ray on it, too)"
    )
    over_loop = "on all cores, against one process that reads, hashes and decodes each file and writes nothing"
    growth = f"peak resident memory of the driver with {_MANY:,} images over that with {_FEW:,}"
    return [
        f"`images_two_cores_over_one`: {two_over_one}.",
        f"`images_over_plain_loop`: {over_loop}.",
        f"`images_rss_growth`: {growth}.",
        "Ray's own start (about 5 s) is left out of the rates; that of its workers is in.",
    ]
