"""Where results are sent besides TensorBoard's files: MLflow, Weights & Biases."""

from __future__ import annotations

import importlib.util
from typing import Any

from mmkd_ray.config import Config
from mmkd_ray.errors import ConfigError


def check_trackers(config: Config) -> None:
    """Refuse a tracker that is not installed.

    Raises:
        ConfigError: its package cannot be found.
    """
    for name in config.tune.trackers:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"tune.trackers: got '{name}', but the package {name} is not installed: install it in this "
                f"environment (`uv pip install {name}`), or leave it out (TensorBoard's files are always written)"
            )


def tracker_loggers(config: Config) -> list[Any]:
    """Loggers of Ray's for the trackers that are asked for."""
    loggers: list[Any] = []
    if "mlflow" in config.tune.trackers:
        from ray.air.integrations.mlflow import MLflowLoggerCallback  # noqa: PLC0415 (imports mlflow)

        loggers.append(MLflowLoggerCallback(experiment_name=config.name))
    if "wandb" in config.tune.trackers:
        from ray.air.integrations.wandb import WandbLoggerCallback  # noqa: PLC0415 (imports wandb)

        loggers.append(WandbLoggerCallback(project="mmkd_ray", group=config.name))
    return loggers
