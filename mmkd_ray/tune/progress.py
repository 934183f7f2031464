"""Showing a search's progress: trials that have ended, and the best so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ray import tune

from mmkd_ray.cluster.monitor import ProgressCallback
from mmkd_ray.tasks import Metric
from mmkd_ray.tune.space import OBJECTIVE

_ENDED = ("TERMINATED", "ERROR")


class ShowTrials(tune.Callback):
    """Ray Tune's callback. It is pickled with the search, and so finds the progress to show in its class."""

    shown: ClassVar[tuple[ProgressCallback, int, Metric] | None] = None
    """Of the search that runs in this process, with its number of trials and what they are compared by."""

    def on_step_end(self, iteration: int, trials: list[Any], **_info: Any) -> None:
        """Show the trials; Ray calls this several times a second."""
        del iteration
        if self.shown is None:
            return
        progress, total, metric = self.shown
        ended = [trial for trial in trials if trial.status in _ENDED]
        values = [trial.last_result[OBJECTIVE] for trial in trials if OBJECTIVE in (trial.last_result or {})]
        known = [value for value in values if value != metric.worst]
        epochs = sum(len(trial.last_result.get("curve", ())) for trial in trials if trial.last_result)
        best = (
            {f"{metric.unit.sign.strip()} best so far": round(metric.unit.factor * metric.best(known))} if known else {}
        )
        progress(len(ended), total, {"epochs": epochs, **best})


@contextmanager
def shown(progress: ProgressCallback, total: int, metric: Metric) -> Iterator[None]:
    """Show the search that runs within the block: `epochs` of all trials, and the best validation value so far."""
    ShowTrials.shown = (progress, total, metric)
    try:
        yield
    finally:
        ShowTrials.shown = None
