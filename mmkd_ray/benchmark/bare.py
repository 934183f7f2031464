"""A student without a service: processes that decode, resize and compute batch after batch, each on its own core."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any

from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.students.bundle import load_bundle

_ready: list[Any] = []
"""The barrier of this process."""


def bare_rate(place: str, pictures: Sequence[Path], *, processes: int, batch: int, seconds: float) -> float:
    """Images a second of so many processes, added up."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_keep, initargs=(barrier,)) as pool:
        running = [
            pool.submit(_compute, place, [str(picture) for picture in pictures], core, batch, seconds)
            for core in sorted(os.sched_getaffinity(0))[:processes]
        ]
        return sum(one.result() for one in running)


def _keep(barrier: Any) -> None:
    _ready[:] = [barrier]


def _compute(place: str, pictures: list[str], core: int, batch: int, seconds: float) -> float:
    os.sched_setaffinity(0, [core])
    prepare_to_compute(1)
    bundle, images = load_bundle(place), [Path(picture).read_bytes() for picture in pictures]
    bundle.predict(images[:batch])
    try:
        _ready[0].wait(120)
    except BrokenBarrierError as error:
        raise RuntimeError("another process of the bare student did not start") from error
    started, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        first = done % (len(images) - batch + 1)
        bundle.predict(images[first : first + batch])
        done += batch
    return done / passed
