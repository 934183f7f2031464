"""One trial: a configuration's students, one for each seed, trained an epoch at a time. Plain PyTorch."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch

from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.config import Config
from mmkd_ray.students.model import student_input
from mmkd_ray.study.inputs import Inputs
from mmkd_ray.study.students import StudentSpec
from mmkd_ray.tasks import task_of
from mmkd_ray.train.loop import StudentTrainer
from mmkd_ray.train.study_data import StudyData


class Trial:
    """The students of one configuration, trained as `mmkd train` would train them on one worker."""

    def __init__(
        self,
        config: Config,
        aspects: tuple[Aspect, ...],
        inputs: Inputs,
        larger: StudentSpec | None,
        study_data: StudyData,
        device: torch.device,
    ) -> None:
        """Build the students.

        Args:
            config: of the trial.
            aspects: the questions, those of the largest Q; the trial takes the first so many.
            inputs: the images and answers that the search is made from.
            larger: the larger student that they learn from, if their arm does; finished.
            study_data: images and answers.
            device: where they are trained.
        """
        self._epochs, self._metric = config.train.epochs, task_of(config).primary
        selected = aspects[: config.aspects.count]
        self._trainers = [
            _trainer(StudentSpec("", config.tune.arm, seed, "", config, selected, inputs, larger), study_data, device)
            for seed in config.tune.seeds
        ]

    def run_epoch(self) -> dict[str, Any]:
        """Train every seed's student for one epoch.

        Returns:
            `value`: what the trial is worth so far, the mean over seeds of the best validation value of the task's
            primary metric; `curve`: the same after each epoch; `now` (the metric) and `loss` (nats): means over seeds
            of this epoch's; `lr`; `seconds`: of all epochs so far, all seeds together; `training_iteration`: epochs so
            far; `done`.

        Raises:
            StudentError: a loss diverges.
        """
        now = [trainer.run_epoch() for trainer in self._trainers]
        curve = self.curve()
        return {
            "value": curve[-1],
            "curve": curve,
            "now": _mean([epoch[self._metric.val_key] for epoch in now]),
            "loss": _mean([epoch["loss"] for epoch in now]),
            "lr": now[0]["lr"],
            "seconds": sum(epoch["seconds"] for trainer in self._trainers for epoch in trainer.history),
            "training_iteration": len(curve),
            "done": len(curve) >= self._epochs,
        }

    def curve(self) -> tuple[float, ...]:
        """Mean over seeds of the best validation value up to each epoch."""
        by_seed = [[epoch[self._metric.val_key] for epoch in trainer.history] for trainer in self._trainers]
        best = [accumulate(values, lambda *pair: self._metric.best(pair)) for values in by_seed]
        return tuple(_mean(values) for values in zip(*best, strict=False))

    def history(self) -> list[dict[str, float]]:
        """Of each epoch so far, the means over seeds of what `StudentTrainer` notes."""
        each = zip(*(trainer.history for trainer in self._trainers), strict=True)
        return [{key: _mean(epoch[key] for epoch in epochs) for key in epochs[0]} for epochs in each]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue."""
        return {"students": [trainer.state_dict() for trainer in self._trainers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        for trainer, student_state in zip(self._trainers, state["students"], strict=True):
            trainer.load_state_dict(student_state)


def _trainer(spec: StudentSpec, study_data: StudyData, device: torch.device) -> StudentTrainer:
    student = study_data.new_student(spec).to(device)
    return StudentTrainer(
        student,
        student,
        study_data.training_set(spec),
        spec.config.train,
        task=task_of(spec.config),
        image_size=student_input(spec.config.student).size,
        seed=spec.seed,
    )


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)
