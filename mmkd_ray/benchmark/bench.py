"""What every benchmark does: keep what was measured and say it; run a piece in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmkd_ray.benchmark.results import Measurement


@dataclass
class Bench:
    """What has been measured so far."""

    quick: bool
    folder: Path
    """A temporary one."""
    say: Callable[[str], None]
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def repetitions(self) -> int:
        """Of one measurement."""
        return 3 if self.quick else 5

    def add(self, name: str, values: Sequence[float], unit: str = "answers/s") -> float:
        """Keep a measurement, say it, and return its median."""
        measurement = Measurement(name, list(values), unit)
        self.measurements.append(measurement)
        self.say(f"{name}: {measurement.median:,.4g} {unit}")
        return measurement.median


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """A call in a fresh process: what runs binds itself to cores, and none may inherit another's state."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
