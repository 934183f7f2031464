"""MLflow: the run is an experiment, a student or trial a run of it. `MLFLOW_TRACKING_URI` says where."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mmkd_ray.tracking.tracker import Subject, plain

_KEY = "mmkd.key"
"""Tag by which a subject is found again."""


class Mlflow:
    """A run of MLflow's."""

    def __init__(self, subject: Subject, mlflow: Any) -> None:
        """Find the subject's run, or begin one.

        Args:
            subject: what is tracked.
            mlflow: the package.
        """
        self._mlflow, self._client = mlflow, mlflow.MlflowClient()
        experiment = self._experiment(subject.group)
        found = self._client.search_runs([experiment], f"tags.`{_KEY}` = '{subject.key}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
        else:
            tags = {_KEY: subject.key}
            self._run = self._client.create_run(experiment, tags=tags, run_name=subject.name).info.run_id
            for name, value in plain(subject.params).items():
                self._client.log_param(self._run, name, value)
        self._next = self._steps_kept(list(found[0].data.metrics) if found else [])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of an epoch: see `Tracker.log`."""
        if step < self._next:
            return
        metric, now = self._mlflow.entities.Metric, int(1000 * time.time())
        self._client.log_batch(self._run, [metric(name, value, now, step) for name, value in values.items()])
        self._next = step + 1

    def close(self) -> None:
        """Note that the run is over."""
        self._client.set_terminated(self._run)

    def _experiment(self, name: str) -> str:
        if found := self._client.get_experiment_by_name(name):
            return found.experiment_id
        try:
            return self._client.create_experiment(name)
        except self._mlflow.MlflowException:
            # Another worker was a moment earlier.
            if found := self._client.get_experiment_by_name(name):
                return found.experiment_id
            raise

    def _steps_kept(self, metrics: list[str]) -> int:
        """Steps that the run has of all its metrics."""
        kept = [max(point.step for point in self._client.get_metric_history(self._run, name)) for name in metrics]
        return min(kept, default=-1) + 1
