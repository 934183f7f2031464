"""What every benchmark does: let contenders take turns, keep what was measured, run a piece in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from mmkd_ray.benchmark.results import Measurement

Result = TypeVar("Result")


@dataclass
class Bench:
    """What has been measured so far."""

    quick: bool
    folder: Path
    """A temporary one."""
    say: Callable[[str], None]
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """Turns of each contender."""
        return 3 if self.quick else 5

    def add(self, name: str, values: Sequence[float], unit: str = "answers/s") -> float:
        """Keep a measurement, say it, and return its median."""
        measurement = Measurement(name, list(values), unit)
        self.measurements.append(measurement)
        self.say(f"{name}: {measurement.median:,.4g} {unit}")
        return measurement.median


@contextmanager
def own_folder(say: Callable[[str], None], *, quick: bool) -> Iterator[Bench]:
    """A benchmark in a temporary folder, which processes that are started anew take for their temporary files, too."""
    with tempfile.TemporaryDirectory(prefix="mmkd-benchmark-") as temporary:
        before, os.environ["TMPDIR"] = os.environ.get("TMPDIR"), temporary
        try:
            yield Bench(quick, Path(temporary), say)
        finally:
            os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)


def alternate(rounds: int, contenders: Mapping[str, Callable[[int], Result]]) -> dict[str, list[Result]]:
    """Have the contenders take turns: what slows the machine down for a while slows all of them.

    Args:
        rounds: turns of each.
        contenders: by name; called with the number of the round. Each is first in turn.

    Returns:
        The results of each, round by round.
    """
    results: dict[str, list[Result]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(contenders[name](number))
    return results


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """A call in a fresh process: what runs binds itself to cores, and none may inherit another's state."""
    with _process() as pool:
        return pool.submit(function, *arguments).result()


class InOwnProcess:
    """Something callable that lives in a process of its own, and sleeps there between its turns."""

    def __init__(self, make: Callable[..., Callable[..., Any]], *arguments: Any) -> None:
        """Make it by `make(*arguments)`, there."""
        self._pool = _process()
        self._pool.submit(_keep, make, arguments).result()

    def __call__(self, *arguments: Any) -> Any:
        """Call it."""
        return self._pool.submit(_call_kept, arguments).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


_kept: list[Callable[..., Any]] = []


def _keep(make: Callable[..., Callable[..., Any]], arguments: Sequence[Any]) -> None:
    _kept[:] = [make(*arguments)]


def _call_kept(arguments: Sequence[Any]) -> Any:
    return _kept[0](*arguments)


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
