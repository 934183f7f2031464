"""How fast the teacher answered, kept beside its answers: what a plan's hours are made from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from mmkd_ray.artifacts import Folder
from mmkd_ray.cluster.monitor import ProgressCallback

_SPEED = "speed.json"
_LEAST_S = 2.0
"""Shorter measurements say nothing."""


@dataclass
class SpeedMeter:
    """Passes progress on, and measures answers a second from the first answers on: loading is left out."""

    progress: ProgressCallback
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, done: int, total: int, also: Mapping[str, int]) -> None:
        """Take a look at the counts."""
        answers = also.get("answers", 0)
        if answers and (not self._seen or answers > self._seen[-1][1]):
            self._seen = [*self._seen[:1], (time.monotonic(), answers)]
        self.progress(done, total, also)

    def write(self, folder: Folder, engines: int) -> None:
        """Keep what was measured, for one engine; nothing if it was over too soon."""
        (began, first), (ended, last) = (self._seen or [(0.0, 0)])[0], (self._seen or [(0.0, 0)])[-1]
        if ended - began >= _LEAST_S:
            rate = (last - first) / (ended - began) / engines
            folder.write_json(_SPEED, {"answers_per_second": round(rate, 2), "engines": engines})


def read_speed(folder: Folder) -> float | None:
    """Answers a second of one engine, as measured in the last extraction; None if there was none."""
    return folder.read_json(_SPEED)["answers_per_second"] if folder.exists(_SPEED) else None
