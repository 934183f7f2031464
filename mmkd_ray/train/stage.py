"""The study stage: arms x seeds as one resumable job, several students at a time."""

from __future__ import annotations

import queue
import threading
from typing import Any

import ray
from ray.train.torch import TorchTrainer
from ray.train.v2.api.config import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig

from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.cluster.monitor import ProgressCallback, monitored
from mmkd_ray.config import Config
from mmkd_ray.students.check import check_students
from mmkd_ray.study.students import StudentSpec, distinct, larger_students, list_students, study_identity
from mmkd_ray.tracking.trackers import check_trackers
from mmkd_ray.train.checkpoints import drop_unreadable
from mmkd_ray.train.worker import train_students


def needs_training(config: Config, run: Run) -> bool:
    """Whether a student of the study is not trained yet.

    Raises:
        ArtifactError: the image table or the teacher table of this configuration is not finished.
    """
    specs = list_students(config, run)
    return any(not spec.folder(run).finished(spec.identity) for spec in distinct([*larger_students(specs), *specs]))


def run_study(config: Config, run: Run, progress: ProgressCallback) -> list[StudentSpec]:
    """Train every student that is not trained yet; continue the ones that were interrupted.

    Students are dealt out to *lanes*. A lane is one Ray Train worker group that trains its students in turn, so that a
    cold start is paid once per lane, not once per student. Lanes run side by side: two students on a core each are
    faster than one on two cores.

    Args:
        config: the run's configuration.
        run: with its image table and its teacher table finished.
        progress: called with (epochs done, epochs in all).

    Returns:
        All students of the study, each with its record on storage.

    Raises:
        MmkdError: a student cannot be built, its loss diverges, images or answers cannot be read.
        ClusterError: the cluster cannot hold the workers asked for.
        ConfigError: a tracker is not installed.
    """
    check_trackers(config)
    specs = list_students(config, run)
    first = larger_students(specs)
    identity = study_identity(specs).key
    students = distinct([*first, *specs])
    to_do = [spec for spec in students if not spec.folder(run).finished(spec.identity)]
    if not to_do and run.study.finished(identity):
        return specs
    if to_do:
        check_students(config, images=run.require(run.images, "images")["images"]["train"])
        with monitored(sum(spec.config.train.epochs for spec in to_do), progress) as monitor:
            # The larger students first: others learn from them.
            for phase, some in (("first", students[: len(first)]), ("then", students[len(first) :])):
                _run_lanes(_lanes(config, run, phase, some, monitor), monitor)
    run.study.child("lanes").delete()
    run.study.finish(identity)
    return specs


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


def _lanes(config: Config, run: Run, phase: str, specs: list[StudentSpec], monitor: Any) -> list[TorchTrainer]:
    """One trainer for each lane that has something to do."""
    to_do = [spec for spec in specs if not spec.folder(run).finished(spec.identity)]
    if not to_do:
        return []
    cluster = config.cluster
    cpus = cluster.least_train_workers * cluster.cpus_per_train_worker
    gpus = cluster.least_train_workers * cluster.gpus_per_train_worker
    count = min(cluster.lanes or how_many(cpus=cpus, gpus=gpus), len(specs))
    check_fits("training", count=count, cpus=cpus, gpus=gpus)
    # Every student keeps its lane, finished or not: a lane's checkpoint holds the state of one of its own students.
    dealt = {f"lane-{phase}-{lane}": specs[lane::count] for lane in range(count)}
    setup = {
        "run": run,
        "cpus": cluster.cpus_per_train_worker,
        "monitor": monitor,
    }
    waiting = {spec.identity for spec in to_do}
    return [
        _lane(config, run, name, {**setup, "specs": mine})
        for name, mine in dealt.items()
        if any(spec.identity in waiting for spec in mine)
    ]


def _lane(config: Config, run: Run, name: str, setup: dict[str, Any]) -> TorchTrainer:
    cluster = config.cluster
    resources: dict[str, float] = {"CPU": cluster.cpus_per_train_worker}
    if cluster.gpus_per_train_worker:
        resources["GPU"] = cluster.gpus_per_train_worker
    lanes = run.study.child("lanes")
    drop_unreadable(lanes.child(name))
    return TorchTrainer(
        train_students,
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
