"""What a search varies, how it searches, and what a trial is worth."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, model_serializer, model_validator

from mmkd_ray.config.base import Section
from mmkd_ray.config.student import ArmName

KINDS = ("choice", "uniform", "log_uniform", "integer")
_ACCEPTED = ("student.", "train.", "aspects.count")


class Domain(Section):
    """The values of one key that are tried: exactly one of the four."""

    choice: tuple[Any, ...] | None = None
    """These values."""
    uniform: tuple[float, float] | None = None
    """[low, high], each number as likely as another."""
    log_uniform: tuple[float, float] | None = None
    """[low, high], both above 0, each order of magnitude as likely as another."""
    integer: tuple[int, int] | None = None
    """[low, high], each whole number, both ends included."""

    @property
    def kind(self) -> str:
        """Which of the four it is."""
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
            if not self.choice or len({repr(value) for value in self.choice}) != len(self.choice):
                raise ValueError("choice must have values, and none of them twice")
        elif not self.values[0] < self.values[1]:
            raise ValueError(f"{self.kind} must be [low, high] with low < high")
        if self.log_uniform is not None and self.log_uniform[0] <= 0:
            raise ValueError("log_uniform must be above 0")
        return self

    @model_serializer
    def _as_written(self) -> dict[str, list[Any]]:
        return {self.kind: list(self.values)}


class TuneConfig(Section):
    """A search over keys of the recipe, by validation accuracy. It decides no number of a study."""

    arm: ArmName = "makd"
    """The arm that is trained in every trial."""
    seeds: tuple[int, ...] = (0,)
    """A trial trains a student with each; it is worth the mean of their best validation accuracies."""
    search: Literal["optuna", "grid"] = "optuna"
    """`optuna`: its TPE sampler proposes each trial from the results so far. `grid`: every combination of choices."""
    trials: PositiveInt = 12
    """Number of trials, for `optuna`."""
    space: dict[str, Domain] = {"train.alpha": Domain(log_uniform=(0.1, 40.0))}
    """Key: its values, e.g. `{train.alpha: {log_uniform: [0.1, 40]}, aspects.count: {choice: [10, 20, 40]}}`; keys are
    `student.KEY`, `train.KEY` and `aspects.count` (Q: the first so many questions; their answers must be stored)."""
    asha: bool = True
    """Stop trials early that are behind the others (asynchronous successive halving, arXiv 1810.05934)."""
    grace_epochs: PositiveInt | None = None
    """Epochs after which a trial may be stopped at first. If unset, those that two rounds of `reduction_factor` leave
    of `train.epochs`, but at least twice `train.warmup_epochs`."""
    reduction_factor: Annotated[float, Field(gt=1)] = 3
    """At `grace_epochs`, and again each time that a trial has trained this many times as long, only the best
    1 / reduction_factor of the trials go on."""
    concurrency: PositiveInt | None = None
    """Trials at a time, each in one process of `cluster.cpus_per_train_worker` cores and
    `cluster.gpus_per_train_worker` GPUs; as many as the cluster holds if unset."""
    search_seed: int = 0
    """Of the proposals, and of the order in which a grid's values are tried."""
    trackers: tuple[Literal["mlflow", "wandb"], ...] = ()
    """Where results are sent, besides TensorBoard's files; a tracker's own environment variables say where it is."""

    @model_validator(mode="after")
    def _is_a_search(self) -> Self:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"tune.seeds must not be empty nor repeat a value, got {list(self.seeds)}")
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
