"""Tasks: what a student learns to say of an image. All that differs between tasks is in here, and nothing else."""

from __future__ import annotations

from mmkd_ray.config import Config
from mmkd_ray.students.card import TaskName
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.tasks.task import Metric, Task

__all__ = ["TASKS", "Metric", "Task", "task_of"]

TASKS: dict[TaskName, Task] = {task.name: task for task in (CLASSIFY,)}
"""Every task, by its name."""


def task_of(config: Config) -> Task:  # noqa: ARG001 (one task so far: the data section will say which)
    """The task of a run."""
    return CLASSIFY
