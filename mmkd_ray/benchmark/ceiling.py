"""The pipeline with an engine that answers at once: images a second, and whether memory grows with their number."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mmkd_ray.artifacts import open_run
from mmkd_ray.benchmark import asking
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process
from mmkd_ray.benchmark.memory import peak_memory
from mmkd_ray.benchmark.workloads import Workload, pictures, questions
from mmkd_ray.cluster.connection import connect
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config
from mmkd_ray.extract.stage import ask_teacher

_FEW, _MANY = 1_000, 20_000
"""Images: few enough that nothing has piled up, and many. With fewer still, a run would be over before Ray's processes
had imported all that they keep, and growth would be measured that is none."""
_QUESTIONS = 50


@dataclass(frozen=True)
class Ceiling:
    """What came out."""

    images_per_s: float
    memory_growth: list[float]
    """Peak memory with many images over that with few, round by round."""
    meaning: str = (
        f"peak memory of driver, workers and object store without inference, {_MANY:,} images over {_FEW:,} (shared "
        "pages count once)"
    )


def measure_ceiling(bench: Bench) -> Ceiling:
    """Runs of few and of many images, in turns."""
    rounds = 2 if bench.quick else 3
    outcomes = alternate(
        rounds, {"few": lambda number: _run(bench, _FEW, number), "many": lambda number: _run(bench, _MANY, number)}
    )
    for images, runs in ((_FEW, outcomes["few"]), (_MANY, outcomes["many"])):
        label = f"no inference, {images:,} images"
        bench.add(f"{label}: peak memory of driver, workers, object store", [peak / 2**20 for peak, _ in runs], "MiB")
        rate = bench.add(f"{label}, Q = {_QUESTIONS}", [rate for _, rate in runs], "images/s")
    growth = [many / few for (few, _), (many, _) in zip(outcomes["few"], outcomes["many"], strict=True)]
    return Ceiling(rate, growth)


def _run(bench: Bench, images: int, number: int) -> tuple[int, float]:
    """Peak memory in bytes, and images a second."""
    workload = Workload("no inference", "", "", images, 32, 0)
    folder = bench.folder / f"no inference {images} {number}"
    cores = len(os.sched_getaffinity(0))
    config = asking.config_for(folder, workload, questions(_QUESTIONS), actors=cores, kind="no_inference")
    in_own_process(_write_different_images, config, pictures(256), images)
    return in_own_process(_ask, config)


def _write_different_images(config: Config, few: list[bytes], count: int) -> None:
    """So many images of different bytes: a PNG may be followed by anything."""
    different = [few[number % len(few)] + number.to_bytes(4, "big") for number in range(count)]
    asking.write_images(open_run(config.storage.path, config.name), config, different)


def _ask(config: Config) -> tuple[int, float]:
    prepare_process(offline=True)
    run = open_run(config.storage.path, config.name)
    with peak_memory() as peak, connect(config.cluster):
        ask_teacher(config, run, lambda *_: None)
    return peak.bytes, asking.speed(run, config).get("requests_per_second", 0.0) / _QUESTIONS
