"""Predictions of all students, spread over the cluster as Ray tasks.

Ray reads this module in every worker: what takes seconds to import (torch, timm) stays inside the function, after the
environment is set.
"""

from __future__ import annotations

from typing import Any

import ray

from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.connection import check_fits
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.cluster.monitor import ProgressCallback, monitored
from mmkd_ray.config import ClusterConfig, Config
from mmkd_ray.errors import MmkdError
from mmkd_ray.evaluate.pieces import Piece, in_shares, study_pieces


def predict_study(config: Config, run: Run, progress: ProgressCallback) -> None:
    """Make all predictions that are lacking, as many at a time as the cluster holds; needs none if there are none.

    A process that Ray gives one share after the other decodes the images once.

    Args:
        config: the run's configuration.
        run: where its students are trained.
        progress: called with (predictions made, predictions to make).

    Raises:
        ArtifactError: a student has not been trained, or its bundle is damaged.
        ClusterError: the cluster cannot hold a worker.
    """
    to_do = [piece for piece in study_pieces(config, run) if not piece.is_done(run)]
    if not to_do:
        return
    cluster = config.cluster
    check_fits("evaluation", count=1, cpus=cluster.cpus_per_train_worker, gpus=cluster.gpus_per_train_worker)
    with monitored(len(to_do), progress) as monitor:
        task = ray.remote(
            num_cpus=cluster.cpus_per_train_worker,
            num_gpus=cluster.gpus_per_train_worker,
            max_retries=cluster.max_failures,
        )(_predict)
        ray.get([task.remote(share, run, cluster, monitor) for share in in_shares(to_do)])


def _predict(pieces: list[Piece], run: Run, cluster: ClusterConfig, monitor: Any) -> None:
    prepare_process(offline=True)  # a bundle brings its weights
    import torch  # noqa: PLC0415

    from mmkd_ray.evaluate.worker import predict_pieces  # noqa: PLC0415

    prepare_to_compute(cluster.cpus_per_train_worker)
    try:
        warnings = predict_pieces(pieces, run, torch.device("cuda" if cluster.gpus_per_train_worker else "cpu"))
    except MmkdError as error:
        ray.get(monitor.fail.remote(error))
        raise
    ray.get([monitor.tell.remote(line) for line in warnings])
    ray.get(monitor.add.remote(len(pieces)))
