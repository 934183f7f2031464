"""Tasks: what a student learns to say of an image. All that differs between tasks is in here, and nothing else."""

from __future__ import annotations

from mmkd_ray.config import Config
from mmkd_ray.errors import ConfigError
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.tasks.task import Metric, Task

__all__ = ["TASKS", "Metric", "Task", "task_of"]

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFY,)}
"""Every task, by its name."""


def task_of(config: Config) -> Task:
    """The task of a run: what its images are labelled for.

    Raises:
        ConfigError: no student learns it.
    """
    if task := TASKS.get(config.data.labelled):
        return task
    raise ConfigError(
        f"data.source: the images of {config.data.source} have boxes and not one label each: `mmkd images` and `mmkd "
        "extract` take them, but no student learns from them yet; give images with a class each (docs/images.md)"
    )
