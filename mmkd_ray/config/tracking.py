"""Where the curves of students and trials are sent."""

from __future__ import annotations

from typing import Literal

from mmkd_ray.config.base import Section


class TrackingConfig(Section):
    """Where the curves of each epoch go (loss, learning rate, validation accuracy). It decides no number."""

    trackers: tuple[Literal["mlflow", "wandb", "trackio"], ...] = ()
    """Besides TensorBoard, whose files are always written. The package must be installed on every node; a tracker's own
    environment variables say where it is, e.g. `MLFLOW_TRACKING_URI`, `WANDB_MODE`, `TRACKIO_DIR`."""
