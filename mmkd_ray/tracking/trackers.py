"""All trackers of one student or trial together."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import Config
from mmkd_ray.config.locations import masked
from mmkd_ray.errors import ConfigError, StudentError
from mmkd_ray.tracking.tensorboard import TensorBoard
from mmkd_ray.tracking.tracker import Subject, Tracker

_KINDS = {
    "mlflow": ("mmkd_ray.tracking.mlflow", "Mlflow"),
    "wandb": ("mmkd_ray.tracking.wandb", "WeightsAndBiases"),
    "trackio": ("mmkd_ray.tracking.trackio", "Trackio"),
}
"""Module and class of each; also the name of its package."""
_NO_CURVE = ("epoch", "seconds")
"""Keys of an epoch's history that are not tracked."""


def check_trackers(config: Config) -> None:
    """Refuse a tracker that is not installed.

    Raises:
        ConfigError: its package cannot be found.
    """
    for name in config.tracking.trackers:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"tracking.trackers: got '{name}', but the package {name} is not installed: install it in the "
                f"environment of every node (`uv pip install {name}`), or leave it out (TensorBoard's files are always "
                "written)"
            )


class Trackers:
    """The trackers of one subject, TensorBoard among them."""

    def __init__(self, config: Config, subject: Subject, folder: Folder) -> None:
        """Open them.

        Args:
            config: says which.
            subject: what is tracked.
            folder: for TensorBoard's file.

        Raises:
            StudentError: one of those asked for cannot be opened.
        """
        self._logged = 0
        self._open: dict[str, Tracker] = {"tensorboard": TensorBoard(subject, folder)}
        for name in config.tracking.trackers:
            module, kind = _KINDS[name]
            try:
                self._open[name] = getattr(import_module(module), kind)(subject, import_module(name))
            except Exception as error:  # whatever a tracker's server or login leads to
                self.close()
                raise StudentError(
                    f"tracking.trackers: '{name}' cannot be opened: {type(error).__name__}: {masked(str(error))}; "
                    "mend it, or leave it out of tracking.trackers"
                ) from error

    def update(self, history: Sequence[Mapping[str, float]]) -> None:
        """Log the epochs that have not been logged.

        Args:
            history: all epochs so far, those before an interruption too.
        """
        for step, epoch in enumerate(history[self._logged :], start=self._logged):
            values = {name: float(value) for name, value in epoch.items() if name not in _NO_CURVE}
            self._of_each("log", step, values)
        self._logged = len(history)

    def close(self) -> None:
        """Close them."""
        self._of_each("close")
        self._open = {}

    def _of_each(self, method: str, *arguments: Any) -> None:
        """A tracker that fails is left out from then on: no training ends because a server is away."""
        for name, tracker in list(self._open.items()):
            try:
                getattr(tracker, method)(*arguments)
            except Exception:
                logging.getLogger(__name__).warning("tracker %s failed and is left out", name, exc_info=True)
                del self._open[name]
