"""The study stage: arms x seeds as one resumable job, several students at a time."""

from __future__ import annotations

import queue
import threading
from typing import Any

import ray
from ray.train.torch import TorchTrainer
from ray.train.v2.api.config import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig

from mmkd_ray.artifacts import Run, fingerprint
from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.cluster.monitor import ProgressCallback, monitored
from mmkd_ray.config import Config
from mmkd_ray.train.cells import Cell, distinct, larger_students, list_cells
from mmkd_ray.train.worker import train_cells


def run_study(config: Config, run: Run, progress: ProgressCallback) -> list[Cell]:
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
        MmkdError: a student cannot be built, its loss diverges, images or answers cannot be read.
        ClusterError: the cluster cannot hold the workers asked for.
    """
    cells = list_cells(config, run)
    first = larger_students(cells)
    identity = fingerprint(cells=[cell.identity for cell in cells])
    students = distinct([*first, *cells])
    to_do = [cell for cell in students if not cell.folder(run).finished(cell.identity)]
    if not to_do and run.study.finished(identity):
        return cells
    if to_do:
        with monitored(sum(cell.config.train.epochs for cell in to_do), progress) as monitor:
            # The larger students first: others learn from them.
            for phase, some in (("first", students[: len(first)]), ("then", students[len(first) :])):
                _run_lanes(_lanes(config, run, phase, some, monitor), monitor)
    run.study.child("lanes").delete()
    run.study.finish(identity)
    return cells


def _run_lanes(lanes: list[TorchTrainer], monitor: Any) -> None:
    """Fit all lanes side by side, a waiting thread each; raise the first error at once, not after the slowest."""
    ended: queue.Queue[Any] = queue.Queue()

    def fit(lane: TorchTrainer) -> None:
        try:
            ended.put(lane.fit())
        except BaseException as error:
            ended.put(error)

    for lane in lanes:
        # Daemons: a driver that is stopped, or that has an error from another lane, must not wait for them.
        threading.Thread(target=fit, args=(lane,), daemon=True).start()
    for _ in lanes:
        outcome = ended.get()
        if isinstance(outcome, BaseException):
            raise outcome
        if (failure := ray.get(monitor.failure.remote())) is not None:
            raise failure


def _lanes(config: Config, run: Run, phase: str, cells: list[Cell], monitor: Any) -> list[TorchTrainer]:
    """One trainer for each lane that has something to do."""
    to_do = [cell for cell in cells if not cell.folder(run).finished(cell.identity)]
    if not to_do:
        return []
    cluster = config.cluster
    cpus = cluster.least_train_workers * cluster.cpus_per_train_worker
    gpus = cluster.least_train_workers * cluster.gpus_per_train_worker
    count = min(cluster.lanes or how_many(cpus=cpus, gpus=gpus), len(cells))
    check_fits("training", count=count, cpus=cpus, gpus=gpus)
    # Every cell keeps its lane, finished or not: a lane's checkpoint holds the state of one of its own cells.
    dealt = {f"lane-{phase}-{lane}": cells[lane::count] for lane in range(count)}
    setup = {
        "run": run,
        "cpus": cluster.cpus_per_train_worker,
        "monitor": monitor,
    }
    waiting = {cell.identity for cell in to_do}
    return [
        _lane(config, run, name, {**setup, "cells": mine})
        for name, mine in dealt.items()
        if any(cell.identity in waiting for cell in mine)
    ]


def _lane(config: Config, run: Run, name: str, setup: dict[str, Any]) -> TorchTrainer:
    cluster = config.cluster
    resources: dict[str, float] = {"CPU": cluster.cpus_per_train_worker}
    if cluster.gpus_per_train_worker:
        resources["GPU"] = cluster.gpus_per_train_worker
    lanes = run.study.child("lanes")
    return TorchTrainer(
        train_cells,
        train_loop_config=setup,
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
    )
