"""One cell in a Ray Train worker: plain training, with a checkpoint reported each epoch."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch

from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.data.pixels import load_pixels
from mmkd_ray.train.cells import Cell
from mmkd_ray.train.classroom import Classroom, write_outcome
from mmkd_ray.train.loop import StudentTrainer

STATE = "state.pt"


def train_cell(cell: Cell, classroom: Classroom, config: Config, run: Run, monitor: Any) -> None:
    """Train one cell from its last checkpoint, if there is one, to its outcome on storage."""
    context = ray.train.get_context()
    student = classroom.new_student(cell)
    if context.get_world_size() > 1 and torch.cuda.is_available():
        # On CPUs there is no such layer: there each worker normalises its own share of a batch, and the running
        # statistics of worker 0 are the ones that are kept.
        student = torch.nn.SyncBatchNorm.convert_sync_batchnorm(student)
    model = ray.train.torch.prepare_model(student)
    trainer = StudentTrainer(
        model,
        student,
        classroom.lesson(cell),
        config.train,
        image_size=config.student.image_size,
        seed=cell.seed,
        rank=context.get_world_rank(),
        workers=context.get_world_size(),
    )
    if state := _checkpointed(cell):
        trainer.load_state_dict(state)
        if context.get_world_rank() == 0:
            monitor.add.remote(trainer.epochs_done)
    while trainer.epochs_done < config.train.epochs:
        metrics = trainer.run_epoch()
        _report(cell, trainer, metrics)
        if context.get_world_rank() == 0:
            monitor.add.remote(1)
    if context.get_world_rank() == 0:
        _finish(cell, trainer, config, run)


def _report(cell: Cell, trainer: StudentTrainer, metrics: dict[str, float]) -> None:
    """Hand the epoch's metrics to Ray Train, with a checkpoint from worker 0."""
    if ray.train.get_context().get_world_rank() != 0:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.save({"cell": cell.identity, **trainer.state_dict()}, Path(folder) / STATE)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _checkpointed(cell: Cell) -> dict[str, Any] | None:
    """The state of this very cell in the last checkpoint, if that is what it holds."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        state = torch.load(Path(folder) / STATE, map_location="cpu", weights_only=True)
    return state if state["cell"] == cell.identity else None


def _finish(cell: Cell, trainer: StudentTrainer, config: Config, run: Run) -> None:
    student, best_epoch = trainer.best_student()
    splits = [split for split in run.require(run.images, "images")["images"] if split != "train"]
    held_out = load_pixels(run, splits, size=config.student.image_size)
    write_outcome(cell, cell.folder(run), student, held_out, best_epoch=best_epoch, trainer=trainer)
