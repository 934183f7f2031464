"""The study stage: arms x seeds as one resumable job, several students at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.cluster.progress import watched_counter
from mmkd_ray.config import Config
from mmkd_ray.train.cells import Cell, list_cells
from mmkd_ray.train.worker import train_cells


def run_study(config: Config, run: Run, progress: Callable[[int, int], None]) -> list[Cell]:
    """Train every cell that is not trained yet; continue the ones that were interrupted.

    Cells are dealt out to *lanes*. A lane is one Ray Train worker group that trains its cells in turn, so that a cold
    start is paid once a lane and not once a cell; lanes run side by side, because two students on a core each are
    faster than one on two cores.

    Args:
        config: the run's configuration.
        run: with its image table and its teacher table finished.
        progress: called with (epochs done, epochs in all).

    Returns:
        All cells of the study, each with its record on storage.

    Raises:
        StudentError: a student cannot be built or its loss diverges.
        ClusterError: the cluster cannot hold the workers asked for.
    """
    images, teacher = run.require(run.images, "images"), run.require(run.teacher, "extract")
    cells = list_cells(config, images, teacher, teacher["ledger"]["questions"])
    to_do = [cell for cell in cells if not cell.folder(run).finished(cell.identity)]
    if not to_do:
        return cells
    lanes = _lanes(config, len(to_do))
    with watched_counter(len(to_do) * config.train.epochs, progress) as counter:
        pending = [_run_lane.remote(config, run, f"lane-{lane}", to_do[lane::lanes], counter) for lane in range(lanes)]
        try:
            _wait(pending)
        finally:
            for lane in pending:
                ray.cancel(lane, force=False)
    run.study.child("lanes").delete()
    return cells


def _wait(pending: list[Any]) -> None:
    """Wait for all, and raise the first error at once instead of after the slowest."""
    while pending:
        done, pending = ray.wait(pending, num_returns=1)
        ray.get(done)


def _lanes(config: Config, cells: int) -> int:
    cluster = config.cluster
    cpus = cluster.train_workers * cluster.cpus_per_train_worker
    gpus = cluster.train_workers * cluster.gpus_per_train_worker
    lanes = min(cluster.lanes or how_many(cpus=cpus, gpus=gpus), cells)
    check_fits("training", count=lanes, cpus=cpus, gpus=gpus)
    return lanes


@ray.remote(num_cpus=0, max_retries=0)
def _run_lane(config: Config, run: Run, name: str, cells: list[Cell], counter: Any) -> None:
    """Fit one lane: a `TorchTrainer` must be driven from a process of its own where several run at a time."""
    cluster = config.cluster
    resources = {"CPU": cluster.cpus_per_train_worker}
    if cluster.gpus_per_train_worker:
        resources["GPU"] = cluster.gpus_per_train_worker
    lanes = run.study.child("lanes")
    TorchTrainer(
        train_cells,
        train_loop_config={"config": config, "run": run, "cells": cells, "counter": counter},
        scaling_config=ScalingConfig(
            num_workers=cluster.train_workers,
            use_gpu=bool(cluster.gpus_per_train_worker),
            resources_per_worker=resources,
        ),
        run_config=RunConfig(
            name=name,
            storage_path=lanes.path,
            storage_filesystem=lanes.filesystem,
            failure_config=FailureConfig(max_failures=cluster.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    ).fit()
