"""Our training, timed from within without being slowed; each function runs in a process of its own."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.connection import connect
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config
from mmkd_ray.data.feed.order import epoch_batches
from mmkd_ray.data.feed.pixels import Pixels
from mmkd_ray.students.model import build_student, student_input
from mmkd_ray.study.students import HISTORY, StudentSpec, list_students
from mmkd_ray.tasks import task_of
from mmkd_ray.train.loop import Prepared, StudentTrainer
from mmkd_ray.train.recipe import make_optimizer
from mmkd_ray.train.stage import run_study
from mmkd_ray.train.study_data import StudyData

_LOOK_S = 0.02
"""How often the folder of checkpoints is looked at: a hundredth of the shortest epoch here."""


class TimedTrainer(StudentTrainer):
    """Notes when each step of each epoch begins to compute and when it ends: two looks at a clock a step."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.begins: list[list[float]] = []
        self.ends: list[list[float]] = []
        self._begin = 0.0
        self.student.register_forward_pre_hook(self._note)

    def run_epoch(self, after_step: Callable[[], None] = lambda: None) -> dict[str, float]:
        """One epoch, its steps noted apart from those before."""
        self.begins.append([])
        self.ends.append([])
        return super().run_epoch(after_step)

    def step(self, batch: Prepared) -> Tensor:
        """One step: it waited for its batch from the end of the one before until the model's forward pass began."""
        loss = super().step(batch)
        self.ends[-1].append(time.perf_counter())
        self.begins[-1].append(self._begin)
        return loss

    def _note(self, *_: Any) -> None:
        self._begin = time.perf_counter()


def time_steps(config: Config, epochs: int, core: int | None) -> dict[str, Any]:
    """The configuration's only student, trained for some epochs as a worker does it.

    Args:
        config: a study of one student, its images and answers there.
        epochs: how many of the recipe's.
        core: to be bound to; any if None.

    Returns:
        `first_batch_s`: from decoded images and read answers to the end of the first step. `begins` and `ends` of each
        epoch's steps.
    """
    spec, study_data = _opened(config, core)
    started = time.perf_counter()
    student = study_data.new_student(spec)
    trainer = TimedTrainer(
        student,
        student,
        study_data.training_set(spec),
        config.train,
        task=task_of(config),
        image_size=student_input(config.student).size,
        seed=spec.seed,
    )
    for _ in range(epochs):
        trainer.run_epoch()
    return {"first_batch_s": trainer.ends[0][0] - started, "begins": trainer.begins, "ends": trainer.ends}


def time_aspects(config: Config, blocks: int) -> list[tuple[float, float]]:
    """Median seconds of a step with aspect outputs and their loss, and of one without either, for each block.

    The two students see the same batches, a step of one after a step of the other, each first in turn.
    """
    spec, study_data = _opened(config, None)
    training_set = study_data.training_set(spec)
    torch.manual_seed(spec.seed)
    bare = build_student(config.student, classes=len(study_data.class_names), aspects=0)
    of_classes = replace(training_set, aspect_targets_NQ=None, mirrored_targets_NQ=None)
    size, task = student_input(config.student).size, task_of(config)
    student = study_data.new_student(spec)
    contenders = [
        StudentTrainer(student, student, training_set, config.train, task=task, image_size=size, seed=spec.seed),
        StudentTrainer(bare, bare, of_classes, config.train, task=task, image_size=size, seed=spec.seed),
    ]
    medians = []
    for block in range(blocks + 1):
        seconds: list[list[float]] = [[], []]
        for number, batch in enumerate(
            epoch_batches(len(training_set.train), config.train, seed=spec.seed, epoch=block)
        ):
            for which in (0, 1) if number % 2 else (1, 0):
                started = time.perf_counter()
                contenders[which].step(contenders[which].prepare(batch))
                seconds[which].append(time.perf_counter() - started)
        medians.append((statistics.median(seconds[0]), statistics.median(seconds[1])))
    return medians[1:]  # the first block was the warm-up


def time_two_workers(config: Config) -> dict[str, Any]:
    """The study's only student trained by the real stage on a private Ray cluster.

    Returns:
        `epoch_s`: of each epoch with its validation, as our history says. `epoch_ends`: when each one's checkpoint was
        on storage.
    """
    prepare_process(offline=True)
    run = open_run(config.storage.path, config.name)
    with connect(config.cluster), _checkpoints(run) as epoch_ends:
        (spec,) = run_study(config, run, lambda *_: None)
    history = spec.folder(run).read_json(HISTORY)
    return {"epoch_s": [epoch["seconds"] for epoch in history], "epoch_ends": epoch_ends}


def export_lesson(config: Config, place: str) -> dict[str, Any]:
    """Save the decoded images and the targets of a study's student for the rival, and say what else it must know."""
    spec, study_data = _opened(config, None)
    training_set = study_data.training_set(spec)
    assert training_set.aspect_targets_NQ is not None, "a student that is taught aspects"
    assert isinstance(training_set.train, Pixels), "pictures of one size, seen lightly"
    torch.save(
        {
            "images": training_set.train.images_M3SS,
            "labels": training_set.train.labels_N,
            "targets": training_set.aspect_targets_NQ,
            "val_images": training_set.val.images_M3SS,
            "val_labels": training_set.val.labels_N,
        },
        place,
    )
    keys = ("batch_size", "lr", "weight_decay", "optimizer", "momentum", "alpha", "crop_scale", "flip", "brightness")
    return {
        "training_set": place,
        "model": config.student.model,
        "model_args": config.student.model_args,
        "classes": len(study_data.class_names),
        "size": student_input(config.student).size,
        "seed": spec.seed,
        # Not only the same optimiser, but the same of torch's implementations of it.
        "fused": make_optimizer(torch.nn.Linear(1, 1), config.train).defaults["fused"],
        **{key: getattr(config.train, key) for key in keys},
    }


def _opened(config: Config, core: int | None) -> tuple[StudentSpec, StudyData]:
    """The configuration's only student, and the images and answers of its run, decoded and read."""
    prepare_process(offline=True)
    prepare_to_compute(threads=1)
    if core is not None:
        os.sched_setaffinity(0, {core})
    run = open_run(config.storage.path, config.name)
    (spec,) = list_students(config, run)
    study_data = StudyData(run)
    study_data.training_set(spec)  # what it reads and decodes, it keeps
    return spec, study_data


@contextmanager
def _checkpoints(run: Run) -> Iterator[list[float]]:
    """When each checkpoint of the one lane appeared on storage, while the block runs."""
    seen: dict[str, float] = {}
    stopped, lanes = threading.Event(), run.study.child("lanes")

    def watch() -> None:
        while not stopped.wait(_LOOK_S):
            for lane in lanes.names():
                for name in lanes.child(lane).names():
                    if name.startswith("checkpoint_20"):
                        seen.setdefault(name, time.perf_counter())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    ends: list[float] = []
    try:
        yield ends
    finally:
        stopped.set()
        thread.join()
        ends += sorted(seen.values())
