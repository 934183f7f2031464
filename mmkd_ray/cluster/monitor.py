"""What work in other processes has to say to the driver: how much is done, and why it cannot go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

from mmkd_ray.errors import MmkdError

POLL_S = 0.5


@ray.remote(num_cpus=0)
class Monitor:
    """Counts what workers have done, anywhere in the cluster, and keeps the first failure that a user can mend."""

    def __init__(self) -> None:
        self._done = 0
        self._failure: MmkdError | None = None

    def add(self, count: int) -> None:
        """Count `count` more."""
        self._done += count

    def done(self) -> int:
        """How many so far."""
        return self._done

    def fail(self, error: MmkdError) -> None:
        """Note a failure: Ray hands the driver only the text of what was raised while an actor was made."""
        self._failure = self._failure or error

    def failure(self) -> MmkdError | None:
        """The first failure, if there was one."""
        return self._failure


@contextmanager
def monitored(total: int, progress: Callable[[int, int], None]) -> Iterator[Any]:
    """Give a `Monitor` for workers, and call `progress(done, total)` while the block runs.

    Raises:
        MmkdError: the failure that a worker has noted, in place of Ray's error about it.
    """
    monitor = Monitor.remote()  # pyrefly: ignore[missing-attribute] (made by ray.remote)
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(POLL_S):
            try:
                progress(ray.get(monitor.done.remote(), timeout=10), total)
            except ray.exceptions.RayError:
                return  # the cluster is gone: the stage itself says why

    progress(0, total)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield monitor
        stopped.set()
        thread.join()
        progress(ray.get(monitor.done.remote()), total)
    except Exception as error:
        if (failure := ray.get(monitor.failure.remote())) is not None:
            raise failure from error
        raise
    finally:
        stopped.set()
        ray.kill(monitor)
