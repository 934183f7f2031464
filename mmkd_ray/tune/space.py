"""What a search's space holds: how many trials, the largest Q, the longest training."""

from __future__ import annotations

import math
from typing import Any

from mmkd_ray.config import Config, TuneConfig, with_values

ALPHA, ASPECTS = "train.alpha", "aspects.count"
OBJECTIVE, EPOCHS = "value", "training_iteration"
"""Keys of what a trial reports: what it is worth, and its epochs."""


def trial_count(config: TuneConfig) -> int:
    """Trials of the whole search."""
    if config.search == "grid":
        return math.prod(len(domain.values) for domain in config.space.values())
    return config.trials


def most_epochs(config: Config) -> int:
    """Epochs of the longest trial."""
    return max(_values(config, "train.epochs", config.train.epochs))


def ends(config: Config) -> list[Config]:
    """The configuration with each choice, or each end of the range, of each searched key of students and images."""
    return [
        with_values(config, {key: value}, where=f"tune.space.{key}")
        for key, domain in config.tune.space.items()
        if key.startswith("student.") or key in ("train.decode_size", "train.train_fraction")
        for value in domain.values
    ]


def smallest(config: Config, key: str) -> Any:
    """The smallest number that a trial may have for a key of `train`."""
    return min(_values(config, key, getattr(config.train, key.removeprefix("train."))))


def asking_most(config: Config) -> Config:
    """The configuration of the trial that needs the most answers: whose teacher table serves all trials."""
    values: dict[str, Any] = {"study.arms": [config.tune.arm]}
    if ASPECTS in config.tune.space:
        counts = _values(config, ASPECTS, None)
        values[ASPECTS] = None if None in counts else max(counts)
    if "view" in _values(config, "train.flip_targets", None):
        values["train.flip_targets"] = "view"
    return with_values(config, values, where="tune")


def _values(config: Config, key: str, otherwise: Any) -> tuple[Any, ...]:
    domain = config.tune.space.get(key)
    return domain.values if domain else (otherwise,)
