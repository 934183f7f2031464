"""What work in other processes has to say to the driver, and the driver to it: counts, failures, a request to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from mmkd_ray.errors import MmkdError

POLL_S = 0.5
DRAIN_S = 60.0
"""Longest wait, after a SIGTERM, for what is in flight."""

ProgressCallback = Callable[[int, int, Mapping[str, int]], None]
"""Called with (done, total, other counts)."""


@ray.remote(num_cpus=0)
class Monitor:
    """Counts what workers have done, anywhere in the cluster, and keeps the first failure that a user can mend."""

    def __init__(self, done: int) -> None:
        self._counts = Counter(done=done)
        self._failure: MmkdError | None = None
        self._crashes: Counter[str] = Counter()
        self._stopping = False
        self._in_flight: Counter[str] = Counter()
        self._ended: set[str] = set()
        self._actors: dict[str, Any] = {}
        self._engines: dict[str, list[dict[str, float]]] = {}

    def add(self, done: int, **counts: int) -> None:
        """Count `done` more, and others by name."""
        self._counts.update({"done": done, **counts})

    def counts(self) -> dict[str, int]:
        """All counts so far, by name."""
        return dict(self._counts)

    def join(self, worker: str, actor: Any) -> None:
        """Register a worker, by name and handle; reset its in-flight count after a restart."""
        self._in_flight[worker] = 0
        self._actors[worker] = actor

    def end_workers(self) -> None:
        """End all workers.

        Ray ends an actor when nobody holds on to it. After a failure the frames of the exception do, for as long as
        someone has it: the next execution in the same process would wait for the actors' CPUs for ever.
        """
        for actor in self._actors.values():
            ray.kill(actor)

    def begin(self, worker: str) -> bool:
        """Ask whether a piece of work that must not be cut off may begin; call `end` after each True."""
        self._in_flight[worker] += not self._stopping
        return not self._stopping

    def end(self, worker: str, piece: str, done: int, **counts: int) -> None:
        """Count a piece of work that has ended; once, however often Ray has it done again after a restart."""
        self._in_flight[worker] -= 1
        if piece not in self._ended:
            self._ended.add(piece)
            self.add(done, **counts)

    def measure(self, worker: str, counts: dict[str, float]) -> None:
        """Note what a worker's engine has done so far, with the time; the first and the last note are kept."""
        now = {"time": time.monotonic(), **counts}
        self._engines[worker] = [*self._engines.get(worker, [])[:1], now]

    def engines(self) -> list[dict[str, float]]:
        """What each engine has done between its first and its last note, `time` in seconds among it."""
        return [
            {key: last - first.get(key, 0) for key, last in notes[-1].items()}
            for notes in self._engines.values()
            for first in notes[:1]
        ]

    def stop(self) -> None:
        """Let nothing new begin."""
        self._stopping = True

    def in_flight(self) -> int:
        """Pieces of work that have begun and not ended."""
        return self._in_flight.total()

    def fail(self, error: MmkdError) -> None:
        """Note a failure: Ray hands the driver only the text of what was raised while an actor was made."""
        self._failure = self._failure or error

    def failure(self) -> MmkdError | None:
        """The first failure, if there was one."""
        return self._failure

    def crashed(self, reason: str) -> int:
        """Count a crash, and say how often it has happened."""
        self._crashes[reason] += 1
        return self._crashes[reason]


@contextmanager
def monitored(total: int, progress: ProgressCallback, *, done: int = 0) -> Iterator[Any]:
    """Give a `Monitor` for workers, and call `progress` while the block runs.

    A SIGTERM (a preempted job) first lets what is in flight end; then whoever handled it before is called. A second one
    is not waited for.

    Args:
        total: how many there are to do.
        progress: see `ProgressCallback`.
        done: how many of them an earlier run has done.

    Raises:
        MmkdError: the failure that a worker has noted, in place of Ray's error about it.
    """
    # On this node, because a monitor lost with another one would take its counts along.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    monitor = Monitor.options(scheduling_strategy=here).remote(done)  # pyrefly: ignore[missing-attribute]
    with _sigterm_noted() as terminated:
        watch = _Watch(monitor, total, progress, terminated)
        progress(done, total, {})
        watch.start()
        try:
            yield monitor
            watch.stop()
            watch.show()
        except Exception as error:
            if (failure := ray.get(monitor.failure.remote())) is not None:
                raise failure from error
            raise
        finally:
            watch.stop()
            with suppress(ray.exceptions.RayError):  # the cluster is gone, and they with it
                ray.get(monitor.end_workers.remote(), timeout=10)
                ray.kill(monitor)


class _Watch(threading.Thread):
    """Shows progress now and then, and drains the work after a SIGTERM."""

    def __init__(self, monitor: Any, total: int, progress: ProgressCallback, terminated: threading.Event) -> None:
        super().__init__(daemon=True)
        self._monitor, self._total, self._progress = monitor, total, progress
        self._terminated, self._stopped = terminated, threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(POLL_S):
            try:
                self.show()
                if self._terminated.is_set():
                    self._drain()
                    return
            except ray.exceptions.RayError:
                return  # the cluster is gone: the stage itself says why

    def show(self) -> None:
        counts = ray.get(self._monitor.counts.remote(), timeout=10)
        self._progress(counts.pop("done"), self._total, counts)

    def stop(self) -> None:
        self._stopped.set()
        if threading.current_thread() is not self and self.ident is not None:
            self.join()

    def _drain(self) -> None:
        ray.get(self._monitor.stop.remote())
        deadline = time.monotonic() + DRAIN_S
        while ray.get(self._monitor.in_flight.remote()) > 0 and time.monotonic() < deadline:
            if self._stopped.wait(0.1):
                break
        self.show()
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _sigterm_noted() -> Iterator[threading.Event]:
    """An event that the first SIGTERM sets; the second goes to the handler that was there before."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.getsignal(signal.SIGTERM)

    def note(_signum: int, _frame: Any) -> None:
        signal.signal(signal.SIGTERM, before)
        noted.set()

    signal.signal(signal.SIGTERM, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGTERM, before)
