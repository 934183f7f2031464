"""Weights & Biases: the run is a group, a student or trial a run in it. `WANDB_MODE`, `WANDB_API_KEY` ... say where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmkd_ray.tracking.tracker import Subject, plain

_PROJECT = "mmkd_ray"


class WeightsAndBiases:
    """A run of W&B's."""

    def __init__(self, subject: Subject, wandb: Any) -> None:
        """Begin the subject's run, or continue it.

        Args:
            subject: what is tracked.
            wandb: the package.
        """
        self._run = wandb.init(
            project=_PROJECT,
            group=subject.group,
            name=subject.name,
            id=subject.key,
            resume="allow",
            config=plain(subject.params),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of an epoch: see `Tracker.log`."""
        if step >= self._run.step:
            self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()
