"""One student in a Ray Train worker: plain training, with a checkpoint after each epoch and within a long one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch

from mmkd_ray.artifacts import Run
from mmkd_ray.errors import StudentError
from mmkd_ray.students.model import student_input
from mmkd_ray.study.inputs import require_inputs
from mmkd_ray.study.students import StudentSpec
from mmkd_ray.tasks import task_of
from mmkd_ray.tracking.tracker import Subject
from mmkd_ray.tracking.trackers import Trackers
from mmkd_ray.train.checkpoints import load_state
from mmkd_ray.train.loop import StudentTrainer
from mmkd_ray.train.outcome import write_outcome
from mmkd_ray.train.study_data import StudyData

STATE = "state.pt"
CURVES = "tensorboard"
"""Folder of the study with TensorBoard's files: one folder for each student."""
_STEPS_TO_AGREE = 20
"""Workers of one student ask the first of them so often whether it is time for a checkpoint."""


def train_student(spec: StudentSpec, study_data: StudyData, run: Run, monitor: Any) -> None:
    """Train one student from its last checkpoint, if there is one, to its outcome on storage.

    Args:
        spec: the student; the larger student that it learns from, if its arm does, is finished.
        study_data: images and answers.
        run: where the outcome goes.
        monitor: receives finished epochs.

    Raises:
        StudentError: the loss diverges; the message says where the last good checkpoint is.
        ArtifactError: the run's images or answers are not, or no longer, those of the student's identity.
    """
    config = spec.config
    context = ray.train.get_context()
    student = study_data.new_student(spec)
    if context.get_world_size() > 1 and torch.cuda.is_available():
        # On CPUs there is no such layer: there each worker normalises its own share of a batch, and the running
        # statistics of worker 0 are the ones that are kept.
        student = torch.nn.SyncBatchNorm.convert_sync_batchnorm(student)
    model = ray.train.torch.prepare_model(student)
    trainer = StudentTrainer(
        model,
        student,
        study_data.training_set(spec),
        config.train,
        task=task_of(config),
        image_size=student_input(config.student).size,
        seed=spec.seed,
        rank=context.get_world_rank(),
        workers=context.get_world_size(),
    )
    if state := _checkpointed(spec, lambda line: ray.get(monitor.tell.remote(line))):
        trainer.load_state_dict(state)
    if context.get_world_rank() == 0:
        monitor.reached.remote(spec.identity, trainer.epochs_done)
    with _curves(spec, run) as update:
        while trainer.epochs_done < config.train.epochs:
            metrics = _run_epoch(spec, trainer, _Saver(spec, trainer))
            _report(spec, trainer, metrics)
            update(trainer.history)
            if context.get_world_rank() == 0:
                monitor.reached.remote(spec.identity, trainer.epochs_done)
    if context.get_world_rank() == 0:
        require_inputs(run, spec.inputs)
        class_answers_CQ = study_data.class_answers(spec)
        write_outcome(spec, spec.folder(run), trainer, study_data.class_names, class_answers_CQ)


@contextmanager
def _curves(spec: StudentSpec, run: Run) -> Iterator[Callable[[Sequence[Mapping[str, float]]], None]]:
    """Give what is to be called with the history so far after each epoch: worker 0 sends it to the trackers."""
    if ray.train.get_context().get_world_rank() != 0:
        yield lambda _: None
        return
    config, folder = spec.config, spec.folder(run)
    params = {"variant": spec.variant, "arm": spec.arm, "seed": spec.seed, "questions": len(spec.aspects)}
    params |= {f"student.{key}": value for key, value in config.student.model_dump().items()}
    params |= {f"train.{key}": value for key, value in config.train.model_dump().items()}
    subject = Subject(config.name, str(spec), spec.identity, params)
    with closing(Trackers(config, subject, run.study.child(CURVES, folder.uri.rpartition("/")[2]))) as trackers:
        yield trackers.update


class _Saver:
    """Called after each step of an epoch: stores a checkpoint when the last one is some minutes old."""

    def __init__(self, spec: StudentSpec, trainer: StudentTrainer) -> None:
        self._spec, self._trainer = spec, trainer
        self._steps, self._saved = 0, time.monotonic()

    def __call__(self) -> None:
        self._steps += 1
        if self._is_due():
            self._trainer.agree()
            _report(self._spec, self._trainer, {"epoch": self._trainer.epochs_done})
            self._saved = time.monotonic()

    def _is_due(self) -> bool:
        """Whether to store one now: what the first worker says, since all must report together."""
        due = time.monotonic() - self._saved >= 60 * self._spec.config.cluster.checkpoint_minutes
        if self._trainer.workers == 1:
            return due
        if self._steps % _STEPS_TO_AGREE:
            return False
        answer = [due]
        torch.distributed.broadcast_object_list(answer)
        return answer[0]


def _run_epoch(spec: StudentSpec, trainer: StudentTrainer, after_step: Callable[[], None]) -> dict[str, float]:
    try:
        return trainer.run_epoch(after_step)
    except StudentError as error:
        checkpoint = ray.train.get_checkpoint()
        kept = ""
        if checkpoint and trainer.epochs_done:
            kept = f"; the last good checkpoint, of epoch {trainer.epochs_done - 1}, is {checkpoint.path}"
        raise StudentError(f"{spec}: {error}{kept}") from error


def _report(spec: StudentSpec, trainer: StudentTrainer, metrics: dict[str, float]) -> None:
    """Hand metrics to Ray Train, with a checkpoint from worker 0."""
    if ray.train.get_context().get_world_rank() != 0:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.save({"identity": spec.identity, "trainer": trainer.state_dict()}, Path(folder) / STATE)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _checkpointed(spec: StudentSpec, tell: Callable[[str], None]) -> dict[str, Any] | None:
    """The state of this very student in the last checkpoint, if that is what it holds and it can be read."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        state = load_state(Path(folder) / STATE, checkpoint.path, tell)
    return state["trainer"] if state is not None and state.get("identity") == spec.identity else None
