"""Where the curves of students and trials are sent."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from mmkd_ray.config.base import Section


class TrackingConfig(Section):
    """Where the curves of each epoch go (loss, learning rate, validation accuracy). It decides no number."""

    trackers: tuple[Literal["mlflow", "wandb", "trackio"], ...] = ()
    """Besides TensorBoard, whose files are always written. The package must be installed on every node; a tracker's own
    environment variables say where it is, e.g. `MLFLOW_TRACKING_URI`, `WANDB_MODE`, `TRACKIO_DIR`."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        if len(set(self.trackers)) != len(self.trackers):
            raise ValueError(f"tracking.trackers must not repeat a value, got {list(self.trackers)}")
        return self
