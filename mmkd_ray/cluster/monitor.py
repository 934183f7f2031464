"""Messages between workers and the driver: counts, lines and failures one way, a request to stop the other."""

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

from mmkd_ray.console import notice
from mmkd_ray.errors import MmkdError

POLL_S = 0.5
DRAIN_S = 60.0
"""Longest wait for work in flight after a SIGTERM."""

SETTLE_S = 4.0
"""Seconds after an engine's first batch that its speed does not count: Ray starts the readers' processes meanwhile, and
on two cores they halve it."""

ProgressCallback = Callable[[int, int, Mapping[str, int]], None]
"""Called with (done, total, other counts)."""


@ray.remote(num_cpus=0)
class Monitor:
    """Counts the work done by all workers of the cluster, and keeps the first failure that a user can fix."""

    def __init__(self, done: int) -> None:
        self._counts = Counter(done=done)
        self._failure: MmkdError | None = None
        self._crashes: Counter[str] = Counter()
        self._stopping = False
        self._in_flight: Counter[str] = Counter()
        self._ended: set[str] = set()
        self._reached: dict[str, int] = {}
        self._actors: dict[str, Any] = {}
        self._engines: dict[str, list[dict[str, float]]] = {}
        self._began: dict[str, float] = {}
        self._lines: list[str] = []

    def add(self, done: int, **counts: int) -> None:
        """Add to `done`, and to other counts by name."""
        self._counts.update({"done": done, **counts})

    def reached(self, piece: str, done: int) -> None:
        """Count how far a piece of work is; one that is continued from further back counts from there."""
        self.add(done - self._reached.get(piece, 0))
        self._reached[piece] = done

    def how_far(self, piece: str) -> int:
        """What `reached` was last told."""
        return self._reached.get(piece, 0)

    def counts(self) -> dict[str, int]:
        """All counts so far, by name."""
        return dict(self._counts)

    def tell(self, line: str) -> None:
        """Have the driver say something: what a worker prints goes into Ray's logs."""
        self._lines.append(line)

    def lines(self) -> list[str]:
        """What there is to say; the next call leaves it out."""
        lines, self._lines = self._lines, []
        return lines

    def join(self, worker: str, actor: Any) -> None:
        """Register a worker, by name and handle; reset its in-flight count after a restart."""
        self._in_flight[worker] = 0
        self._actors[worker] = actor

    def end_workers(self) -> None:
        """Kill all workers.

        Ray ends an actor when no reference to it is left. After a failure the frames of the exception keep references
        for as long as the exception is kept: the next execution in the same process would wait for the actors' CPUs for
        ever.
        """
        for actor in self._actors.values():
            ray.kill(actor)

    def begin(self, worker: str) -> bool:
        """Whether a worker may begin a piece of work that must not be interrupted; call `end` after each True."""
        if self._stopping:
            return False
        self._in_flight[worker] += 1
        return True

    def end(self, worker: str, piece: str, done: int, **counts: int) -> None:
        """Count a finished piece of work; only once, even if Ray repeats it after a restart."""
        self._in_flight[worker] -= 1
        if piece not in self._ended:
            self._ended.add(piece)
            self.add(done, **counts)

    def measure(self, worker: str, counts: dict[str, float]) -> None:
        """Store what a worker's engine has done so far, with the time: once it has settled, and at its latest."""
        now = {"time": time.monotonic(), **counts}
        records = self._engines.get(worker, [])
        settled = now["time"] - self._began.setdefault(worker, now["time"]) > SETTLE_S
        self._engines[worker] = [*records[:1], now] if settled else [now]

    def engines(self) -> list[dict[str, float]]:
        """What each engine has done from `SETTLE_S` after its first batch to its latest; `time` in seconds."""
        return [
            {key: value - records[0].get(key, 0) for key, value in records[-1].items()}
            for records in self._engines.values()
        ]

    def stop(self) -> None:
        """Answer False to every `begin` from now on."""
        self._stopping = True

    def in_flight(self) -> int:
        """Pieces of work that have begun and not ended."""
        return self._in_flight.total()

    def fail(self, error: MmkdError) -> None:
        """Store a failure: of an exception raised while an actor is created, Ray gives the driver only the text."""
        self._failure = self._failure or error

    def failure(self) -> MmkdError | None:
        """The first failure, if there was one."""
        return self._failure

    def crashed(self, reason: str) -> int:
        """Count a crash; returns how often it has happened."""
        self._crashes[reason] += 1
        return self._crashes[reason]


@contextmanager
def monitored(total: int, progress: ProgressCallback, *, done: int = 0) -> Iterator[Any]:
    """Start a `Monitor` for workers, and call `progress` while the block runs.

    After a first SIGTERM (a preempted job) work in flight is finished, then the previous handler is called. A second
    SIGTERM goes to that handler at once.

    Args:
        total: number of items to do.
        progress: see `ProgressCallback`.
        done: number of items that an earlier run has done.

    Raises:
        MmkdError: the failure that a worker has reported, in place of Ray's error about it.
    """
    # On this node: the counts must not be lost with another node.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    monitor = Monitor.options(scheduling_strategy=here).remote(done)  # pyrefly: ignore[missing-attribute]
    with _sigterm_event() as terminated:
        watch = _Watch(monitor, total, progress, terminated)
        progress(done, total, {})
        watch.start()
        try:
            yield monitor
            watch.stop()
            watch.show()
        except Exception as error:
            if (failure := _failure(monitor)) is not None:
                raise failure from error
            raise
        finally:
            watch.stop()
            with suppress(ray.exceptions.RayError):  # raised if the cluster, and so the workers, have ended
                ray.get(monitor.end_workers.remote(), timeout=10)
                ray.kill(monitor)


def _failure(monitor: Any) -> MmkdError | None:
    with suppress(ray.exceptions.RayError):  # raised if the cluster has ended
        return ray.get(monitor.failure.remote(), timeout=10)
    return None


class _Watch(threading.Thread):
    """Shows progress every `POLL_S` seconds; after a SIGTERM, waits for work in flight."""

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
                return  # the cluster has ended: the stage itself raises an error about it

    def show(self) -> None:
        counts, lines = ray.get([self._monitor.counts.remote(), self._monitor.lines.remote()], timeout=10)
        for line in lines:
            notice(line)
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
def _sigterm_event() -> Iterator[threading.Event]:
    """An event that the first SIGTERM sets; the second one goes to the previous handler."""
    received = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    previous = signal.getsignal(signal.SIGTERM)

    def handle(_signum: int, _frame: Any) -> None:
        signal.signal(signal.SIGTERM, previous)
        received.set()

    signal.signal(signal.SIGTERM, handle)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, previous)
