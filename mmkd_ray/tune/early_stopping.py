"""Which trials are stopped early: asynchronous successive halving (ASHA, arXiv 1810.05934)."""

from __future__ import annotations

import math
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from mmkd_ray.config import Config
from mmkd_ray.tune.space import EPOCHS, OBJECTIVE, most_epochs


def scheduler(config: Config) -> TrialScheduler:
    """ASHA as the configuration has it; or none."""
    if not config.tune.asha:
        return FIFOScheduler()
    most, grace = most_epochs(config), grace_epochs(config)
    return ResumableAsha(
        time_attr=EPOCHS, max_t=most, grace_period=grace, reduction_factor=config.tune.reduction_factor
    )


class ResumableAsha(ASHAScheduler):
    """ASHA that remembers the results of a restored trial after each epoch: Ray keeps no state of a scheduler."""

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Put the trial on the rungs that it had reached before."""
        super().on_trial_add(tune_controller, trial)
        for epoch, value in enumerate((trial.last_result or {}).get("curve", ()), start=1):
            self.on_trial_result(tune_controller, trial, {EPOCHS: epoch, OBJECTIVE: value})


def grace_epochs(config: Config) -> int:
    """Epochs that every trial is trained for."""
    most = most_epochs(config)
    two_rounds = round(most / config.tune.reduction_factor**2)
    # While the learning rate warms up a student is hardly better than chance, and none is seen to be behind.
    learnt = math.ceil(2 * config.train.warmup_epochs)
    return min(config.tune.grace_epochs or max(1, two_rounds, learnt), most)
