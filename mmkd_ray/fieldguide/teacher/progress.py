"""Progress lines for a long job."""

import sys
import time


def say(line: str) -> None:
    """Write a line without buffering."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Progress:
    """Prints a stage's step, rate and remaining time, at most every few seconds."""

    def __init__(self, stage: str, total: int, *, every_s: float = 15.0) -> None:
        self._stage = stage
        self._total = total
        self._every_s = every_s
        self._started = self._printed = time.perf_counter()

    def update(self, step: int, note: str = "") -> None:
        """Report that `step` of the stage's steps are done."""
        now = time.perf_counter()
        if now - self._printed < self._every_s and step < self._total:
            return
        self._printed = now
        rate = step / max(now - self._started, 1e-9)
        remaining = (self._total - step) / max(rate, 1e-9)
        say(f"{self._stage}: {step}/{self._total}, {rate:.1f}/s, {remaining:.0f} s left. {note}")
