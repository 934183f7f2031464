"""Progress of work that runs in other processes, shown by the driver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

POLL_S = 0.5


@ray.remote(num_cpus=0)
class Counter:
    """Counts what workers have done, anywhere in the cluster."""

    def __init__(self) -> None:
        self._done = 0

    def add(self, count: int) -> None:
        """Count `count` more."""
        self._done += count

    def done(self) -> int:
        """How many so far."""
        return self._done


@contextmanager
def watched_counter(total: int, progress: Callable[[int, int], None]) -> Iterator[Any]:
    """Give a `Counter` for workers to add to, and call `progress(done, total)` while the block runs."""
    counter = Counter.remote()  # pyrefly: ignore[missing-attribute] (made by ray.remote)
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(POLL_S):
            try:
                progress(ray.get(counter.done.remote(), timeout=10), total)
            except ray.exceptions.RayError:
                return  # the cluster is gone: the stage itself says why

    progress(0, total)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield counter
        stopped.set()
        thread.join()
        progress(ray.get(counter.done.remote()), total)
    finally:
        stopped.set()
        ray.kill(counter)
