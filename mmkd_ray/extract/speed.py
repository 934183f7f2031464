"""The measured speed of a teacher, stored beside its answers; used to estimate the hours of an extraction."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from mmkd_ray.artifacts import Folder
from mmkd_ray.cluster.monitor import ProgressCallback

_SPEED = "speed.json"
_COUNTS = ("busy_s", "requests", "prompt_tokens", "computed_tokens")
_LEAST_S = 2.0
"""Shorter measurements are too inaccurate to be stored."""


@dataclass
class SpeedMeter:
    """Passes progress on, and measures answers per second, from the first answers on, so without loading."""

    progress: ProgressCallback
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, done: int, total: int, also: Mapping[str, int]) -> None:
        """Record the time and the number of answers."""
        answers = also.get("answers", 0)
        if answers and (not self._seen or answers > self._seen[-1][1]):
            self._seen = [*self._seen[:1], (time.monotonic(), answers)]
        self.progress(done, total, also)

    def write(self, folder: Folder, engines: list[dict[str, float]], actors: int) -> None:
        """Store the measurement; one that was too short for `answers_per_second` replaces no other.

        Args:
            folder: of the teacher's answers.
            engines: `Monitor.engines()`.
            actors: engines in the pool.
        """
        if not self._seen:
            return
        began, first = self._seen[0]
        ended, last = self._seen[-1]
        too_short = ended - began < _LEAST_S
        if too_short and folder.exists(_SPEED):
            return
        rate = {} if too_short else {"answers_per_second": round((last - first) / (ended - began) / actors, 2)}
        per_engine = [engine.get("requests", 0) / max(engine["time"], 1e-9) for engine in engines]
        total = {key: sum(engine.get(key, 0) for engine in engines) for key in ("time", *_COUNTS)}
        folder.write_json(
            _SPEED,
            {
                **rate,
                "engines": actors,
                # From the end of each engine's first batch to that of its last.
                "requests_per_second": round(sum(per_engine), 2),
                "engine_busy": round(total["busy_s"] / max(total["time"], 1e-9), 4),
                **{key: int(total[key]) for key in _COUNTS if key != "busy_s"},
            },
        )


def read_speed(folder: Folder) -> dict[str, float]:
    """The measurement of the last extraction; empty if there is none.

    `answers_per_second` of one engine, loading left out; lacking if it was over too soon to say. `requests_per_second`
    of all engines, each from the end of its first batch to that of its last; `engine_busy` (share of the time),
    `prompt_tokens`, and `computed_tokens`: how many of these were not found in the prefix cache.
    """
    return folder.find_json(_SPEED)
