"""The hyperparameter search: its space, its method, and when trials are stopped early."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, model_serializer, model_validator

from mmkd_ray.config.arms import ArmName
from mmkd_ray.config.base import Section, Seed

KINDS = ("choice", "uniform", "log_uniform", "integer")
_ACCEPTED = ("student.", "train.", "aspects.count")


def _written(value: Any) -> str:
    """The same for 1 and 1.0, and another for true."""
    return repr(float(value) if type(value) is int else value)


class Domain(Section):
    """The values of one key that are tried: exactly one of the four kinds."""

    choice: tuple[Any, ...] | None = None
    """These values."""
    uniform: tuple[float, float] | None = None
    """[low, high], drawn uniformly."""
    log_uniform: tuple[float, float] | None = None
    """[low, high], both above 0, drawn uniformly in the logarithm."""
    integer: tuple[int, int] | None = None
    """[low, high], whole numbers, both ends included."""

    @property
    def kind(self) -> str:
        """Name of the kind that is set."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def values(self) -> tuple[Any, ...]:
        """The choices, or the two ends of the range."""
        return getattr(self, self.kind)

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                "one of {choice: [VALUE, ...]}, {uniform: [LOW, HIGH]}, {log_uniform: [LOW, HIGH]} and "
                "{integer: [LOW, HIGH]} is accepted"
            )
        if self.choice is not None:
            if not self.choice or len({_written(value) for value in self.choice}) != len(self.choice):
                raise ValueError("choice must have at least one value and no duplicates")
        elif not self.values[0] < self.values[1]:
            raise ValueError(f"{self.kind} must be [low, high] with low < high")
        if self.log_uniform is not None and self.log_uniform[0] <= 0:
            raise ValueError("log_uniform must be above 0")
        return self

    @model_serializer
    def _as_written(self) -> dict[str, list[Any]]:
        return {self.kind: list(self.values)}


class TuneConfig(Section):
    """A search over keys of the recipe, by validation accuracy. It does not change the results of a study."""

    arm: ArmName = "makd"
    """The arm that is trained in every trial."""
    seeds: tuple[Seed, ...] = (0,)
    """Each trial trains one student per seed; its result is the mean of their best validation accuracies."""
    search: Literal["optuna", "grid"] = "optuna"
    """`optuna`: its TPE sampler proposes each trial from the results so far. `grid`: every combination of choices."""
    trials: PositiveInt = 12
    """Number of trials, for `optuna`."""
    space: dict[str, Domain] = {"train.alpha": Domain(log_uniform=(0.1, 40.0))}
    """{key: values}, e.g. `{train.alpha: {log_uniform: [0.1, 40]}, aspects.count: {choice: [10, 20, 40]}}`. Keys are
    `student.KEY`, `train.KEY` and `aspects.count` (Q; the answers to these questions must be stored)."""
    asha: bool = True
    """Stop the worse trials early (asynchronous successive halving, arXiv 1810.05934)."""
    grace_epochs: PositiveInt | None = None
    """Epochs that every trial is trained for before it may be stopped. Unset: `train.epochs` / `reduction_factor`
    squared, but at least twice `train.warmup_epochs`."""
    reduction_factor: Annotated[float, Field(gt=1)] = 3
    """At `grace_epochs`, and again whenever a trial's epochs have grown by this factor, only the best
    1 / reduction_factor of the trials continue."""
    concurrency: PositiveInt | None = None
    """Trials run at the same time, each in one process with `cluster.cpus_per_train_worker` cores and
    `cluster.gpus_per_train_worker` GPUs; unset: as many as fit on the cluster."""
    search_seed: Seed = 0
    """Seed of the proposals, and of the order in which a grid's values are tried."""

    @model_validator(mode="after")
    def _is_a_search(self) -> Self:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"tune.seeds must not be empty or repeat a value, got {list(self.seeds)}")
        if not self.space:
            raise ValueError(
                "tune.space is empty: name the keys to search, e.g. {train.alpha: {log_uniform: [0.1, 40]}}"
            )
        for key, domain in self.space.items():
            if not key.startswith(_ACCEPTED):
                raise ValueError(
                    f"tune.space: got '{key}'; accepted are student.KEY, train.KEY and aspects.count, since all trials "
                    "share their images and the teacher's answers"
                )
            if self.search == "grid" and domain.choice is None:
                raise ValueError(
                    f"tune.space.{key}: got {domain.kind} {list(domain.values)}; a grid is made of values, e.g. "
                    "{choice: [1, 4, 16]} (or set tune.search to optuna)"
                )
        return self
