"""Showing a search's progress: trials that have ended, and the best so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ray import tune

from mmkd_ray.cluster.monitor import ProgressCallback

_ENDED = ("TERMINATED", "ERROR")


class ShowTrials(tune.Callback):
    """Ray Tune's callback. It is pickled with the search, and so finds the progress to show in its class."""

    shown: ClassVar[tuple[ProgressCallback, int] | None] = None
    """Of the search that runs in this process, with its number of trials."""

    def on_step_end(self, iteration: int, trials: list[Any], **_info: Any) -> None:
        """Show the trials; Ray calls this several times a second."""
        del iteration
        if self.shown is None:
            return
        progress, total = self.shown
        ended = [trial for trial in trials if trial.status in _ENDED]
        best = max((trial.last_result.get("val_top1", 0.0) for trial in trials if trial.last_result), default=0.0)
        epochs = sum(len(trial.last_result.get("curve", ())) for trial in trials if trial.last_result)
        progress(len(ended), total, {"epochs": epochs, "% best so far": round(100 * best)})


@contextmanager
def shown(progress: ProgressCallback, total: int) -> Iterator[None]:
    """Show the search that runs within the block: `epochs` of all trials, and the best validation accuracy in %."""
    ShowTrials.shown = (progress, total)
    try:
        yield
    finally:
        ShowTrials.shown = None
