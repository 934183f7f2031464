"""What a process of the search does: one trial after the other, without a cold start between.

What takes seconds to import (timm, transformers) stays inside the functions: the environment is set before.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.computing import prepare_to_compute
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config, with_values
from mmkd_ray.errors import MmkdError
from mmkd_ray.tasks import task_of
from mmkd_ray.tracking.tracker import Subject
from mmkd_ray.tune.space import OBJECTIVE

if TYPE_CHECKING:
    from mmkd_ray.tracking.trackers import Trackers

STATE = "state.pt"
RAY = "trials"
"""Ray Tune's folder in that of the search: one for each trial, with TensorBoard's file."""
CHECKPOINT_S = 10.0
"""Least time between checkpoints of a trial: what it loses at most when its process is killed."""


class SearchWorker(tune.Trainable):
    """Ray Tune's trainable: a step is one epoch of every seed's student of a trial.

    `reset_config` lets Ray give the process another trial (`TuneConfig(reuse_actors=True)`): images and answers stay in
    memory. A trial whose student cannot be built or diverges is a result, too: `failure` says why.
    """

    def setup(self, config: dict[str, Any], **shared: Any) -> None:
        """Begin the first trial.

        Args:
            config: {key: value} of the trial.
            shared: `base` (the run's Config), `run` (Run), `aspects` (of the largest Q), `inputs` (Inputs), `larger`
                (spec of the larger student, or None).
        """
        base: Config = shared["base"]
        prepare_process(offline=base.student.pretrained is not True)
        import torch  # noqa: PLC0415

        from mmkd_ray.train.study_data import StudyData  # noqa: PLC0415

        prepare_to_compute(base.cluster.cpus_per_train_worker)
        self._base, self._aspects = base, shared["aspects"]
        self._inputs, self._larger = shared["inputs"], shared["larger"]
        self._device = torch.device("cuda" if base.cluster.gpus_per_train_worker else "cpu")
        self._run: Run = shared["run"]
        self._study_data = StudyData(self._run)
        self._trackers: Trackers | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this process."""
        self._begin(new_config)
        return True

    def _begin(self, values: dict[str, Any]) -> None:
        from mmkd_ray.tune.trial import Trial  # noqa: PLC0415

        self._close_trackers()
        self._trial, self._failure, self._done = None, "", False
        self._values = values
        self._started = self._saved = time.time()
        worst = task_of(self._base).primary.worst
        self._last: dict[str, Any] = {OBJECTIVE: worst, "curve": (), "seconds": 0.0, "training_iteration": 0}
        try:
            config = with_values(self._base, values, where="trial")
            self._trial = Trial(config, self._aspects, self._inputs, self._larger, self._study_data, self._device)
        except MmkdError as error:
            self._failure = str(error)

    def step(self) -> dict[str, Any]:
        """One epoch: what `Trial.run_epoch` gives, and `started` (s since 1970), `failure`, `should_checkpoint`."""
        if self._trial is not None:
            try:
                self._last = self._trial.run_epoch()
                self._track(self._trial.history())
            except MmkdError as error:
                self._failure = str(error)
        self._done = bool(self._failure) or self._last["done"]
        return {
            **self._last,
            "done": self._done,
            "failure": self._failure,
            "started": self._started,
            "should_checkpoint": time.time() - self._saved >= CHECKPOINT_S,
        }

    def cleanup(self) -> None:
        """End the process's last trial."""
        self._close_trackers()

    def _track(self, history: list[dict[str, float]]) -> None:
        """Send the curves to the trackers: those of before an interruption come first."""
        if self._trackers is None:
            from mmkd_ray.tracking.trackers import Trackers  # noqa: PLC0415

            name = str(self.trial_name)
            params = {"arm": self._base.tune.arm, **self._values}
            subject = Subject(f"{self._base.name} search", name, str(self.trial_id), params)
            self._trackers = Trackers(self._base, subject, self._run.tune.child(RAY, name))
        self._trackers.update(history)

    def _close_trackers(self) -> None:
        if self._trackers is not None:
            self._trackers.close()
            self._trackers = None

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the trial's state, if there is something to continue.

        Ray asks for it when a step says so, and at the end of a trial: then it notes that the trial is over.
        """
        import torch  # noqa: PLC0415

        students = self._trial.state_dict() if self._trial and not self._done else {}
        torch.save({"started": self._started, **students}, Path(checkpoint_dir) / STATE)
        self._saved = time.time()

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Continue where a checkpoint was written."""
        import torch  # noqa: PLC0415

        state = torch.load(Path(checkpoint) / STATE, map_location="cpu", weights_only=True)
        self._started = state["started"]
        if self._trial is not None and "students" in state:
            self._trial.load_state_dict(state)

    def restore(self, checkpoint_path: Any) -> None:
        """As Ray does; but a trial whose checkpoint is gone begins from the start.

        Ray deletes a checkpoint when the next one is written, and a moment later notes which is the last: a driver that
        is killed in between looks for the deleted one.
        """
        try:
            super().restore(checkpoint_path)
        except (ValueError, FileNotFoundError):
            logging.getLogger(__name__).warning("%s: no checkpoint is left, it begins from the start", self.trial_name)
