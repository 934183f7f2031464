"""What a Ray Train worker does: one student after the other, without a cold start between.

Ray reads this module in the driver and in a controller for each lane as well, so what takes seconds to import (timm,
transformers) stays inside the function.
"""

from __future__ import annotations

from typing import Any

import ray
import ray.train

from mmkd_ray.artifacts import disk_error
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.errors import MmkdError, StudentError, typed_cause
from mmkd_ray.study.students import StudentSpec


def train_students(setup: dict[str, Any]) -> None:
    """The train function of a `TorchTrainer`.

    Args:
        setup: `run` (Run), `specs` (list of StudentSpec), `cpus` (of this worker), `monitor`.
    """
    monitor = setup["monitor"]
    if ray.get(monitor.failure.remote()) is not None:
        return  # a restart cannot fix it
    prepare_process(offline=not any(spec.config.student.pretrained is True for spec in setup["specs"]))
    try:
        _train(setup)
    except (MmkdError, OSError) as error:
        # Of Ray's own files, a full disk is told by an OSError.
        known = error if isinstance(error, MmkdError) else disk_error(error, setup["run"].study.uri)
        if known is None:
            raise
        ray.get(monitor.fail.remote(known))
        if ray.train.get_context().get_world_size() > 1:
            raise  # or the others, unless all have it, would wait for this one for ever


def _train(setup: dict[str, Any]) -> None:
    from mmkd_ray.train.study_data import StudyData  # noqa: PLC0415
    from mmkd_ray.train.training import train_student  # noqa: PLC0415

    prepare_to_compute(setup["cpus"])
    run = setup["run"]
    study_data = StudyData(run)
    for spec in setup["specs"]:
        if spec.folder(run).finished(spec.identity):
            continue
        try:
            train_student(spec, study_data, run, setup["monitor"])
        except MmkdError:
            raise
        except Exception as error:
            _stop_if_repeated(error, spec, setup["monitor"])
            raise


def _stop_if_repeated(error: Exception, spec: StudentSpec, monitor: Any) -> None:
    """Restarts are for lost workers: what goes wrong twice in the same way at the same epoch goes wrong for ever."""
    epoch = ray.get(monitor.how_far.remote(spec.identity))
    reason = typed_cause(error)
    rank = ray.train.get_context().get_world_rank()  # each worker of a group may raise the same at once
    if ray.get(monitor.crashed.remote(f"{spec.identity} {rank} {epoch} {reason}")) > 1:
        raise StudentError(
            f"{spec}: training has failed twice in the same way in epoch {epoch}: {reason}; Ray's logs have the whole "
            "of it"
        ) from error
