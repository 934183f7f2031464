"""`evaluation.json`, typed: every measured number of a study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.errors import ArtifactError
from mmkd_ray.evaluate.probes import CLEAN
from mmkd_ray.identity import Identity, identify, settings
from mmkd_ray.metrics.sampling import Bounds
from mmkd_ray.metrics.statistics import PairedDifference, mean_and_std
from mmkd_ray.students.card import TaskName
from mmkd_ray.study.students import StudentSpec, trained_students
from mmkd_ray.tasks import TASKS, Metric, Task

EVALUATION = "evaluation.json"
FORMAT = 2
"""1 was version 0.1.0's."""
SHIFT_MEAN = "mean of the shift sets"
"""In place of a split: the plain mean over all shift sets."""
_ADVICE = "run `mmkd evaluate CONFIG` first"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(_Frozen):
    """One metric of an arm's students, on one split, seen by one probe."""

    probe: str
    severity: float
    split: str
    metric: str
    values: tuple[float | None, ...]
    """One a seed; None where it is not defined."""
    over_images: Bounds | None = None
    """Of the mean over seeds: interval over the choice of test images; None where that is not known."""
    difference: PairedDifference | None = None
    """To the baseline's; None for the baseline itself, without one, and where a value is not defined."""

    @property
    def defined(self) -> list[float]:
        """The values that are defined."""
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """Over the seeds for which it is defined."""
        return float(np.mean(self.defined)) if self.defined else None

    @property
    def std(self) -> float | None:
        """Standard deviation between seeds (n - 1); None with fewer than two."""
        return mean_and_std(self.defined)[1] if self.defined else None


class ArmResults(_Frozen):
    """One arm of a variant; tuples with one value a seed stand in the order of `seeds`."""

    seeds: tuple[int, ...]
    measures: tuple[Measure, ...]
    by_class: tuple[float | None, ...]
    """Mean over seeds of the primary metric on each class's clean test images; None for a class without any."""
    fidelity: tuple[float | None, ...]
    """By question: AUC of the aspect logit against the teacher's answer on the validation split, mean over seeds; None
    where the teacher always gives the same answer."""
    seconds: tuple[float, ...]
    """Of training."""
    best_epoch: tuple[int, ...]
    history: tuple[tuple[dict[str, float], ...], ...]
    """Of each seed's training, epoch by epoch."""

    def measure(
        self, metric: Metric, split: str = "test", *, probe: str = CLEAN.name, severity: float = 0.0
    ) -> Measure | None:
        """The measure of this description, if there is one."""
        wanted = (probe, severity, split, metric.name)
        found = (m for m in self.measures if (m.probe, m.severity, m.split, m.metric) == wanted)
        return next(found, None)


class Evaluation(_Frozen):
    """What `evaluation.json` holds."""

    format: Literal[2] = FORMAT
    study: str
    """Fingerprint of the students and of how they are compared."""
    task: TaskName
    classes: tuple[str, ...]
    questions: tuple[str, ...]
    """Of the first variant."""
    images: dict[str, int]
    """By split."""
    confidence: float
    """Level of the intervals."""
    variants: dict[str, dict[str, ArmResults]]
    """Arms by name, by name of the variant, which is empty for the only one of a study without variants."""

    @property
    def arms(self) -> dict[str, ArmResults]:
        """Those of the first variant."""
        return next(iter(self.variants.values()))

    @property
    def named_variants(self) -> dict[str, dict[str, ArmResults]]:
        """The variants of a study that has some."""
        return {name: arms for name, arms in self.variants.items() if name}

    @property
    def shift_sets(self) -> list[str]:
        """Splits that are neither trained, validated nor tested on."""
        return [split for split in self.images if split not in ("train", "val", "test")]

    @property
    def of_task(self) -> Task:
        """The task itself."""
        return TASKS[self.task]

    @property
    def primary(self) -> Metric:
        """What the study is compared by."""
        return self.of_task.primary


def evaluation_identity(config: Config, specs: Sequence[StudentSpec]) -> Identity:
    """What decides the results of a study."""
    groups = {"group": config.data.objects} if config.data.objects else {}
    return identify("evaluation", students=[spec.identity for spec in specs], **settings(config.evaluate), **groups)


def write_evaluation(run: Run, evaluation: Evaluation) -> None:
    """Write `evaluation.json`."""
    run.folder.write_json(EVALUATION, json.loads(evaluation.model_dump_json()))


def read_evaluation(config: Config, run: Run) -> Evaluation:
    """What was written for this configuration.

    Raises:
        ArtifactError: nothing was; or by another version of this package; or it is damaged.
    """
    identity = evaluation_identity(config, trained_students(config, run)).key
    evaluation = stored_evaluation(run)
    if evaluation.study != identity:
        raise ArtifactError(f"{run.folder.uri}/{EVALUATION} is not of this study: {_ADVICE}")
    return evaluation


def stored_evaluation(run: Run) -> Evaluation:
    """What was written, for whatever configuration.

    Raises:
        ArtifactError: nothing was; or by another version of this package; or it is damaged.
    """
    if not run.folder.exists(EVALUATION):
        raise ArtifactError(f"{run.folder.uri} has no {EVALUATION}: {_ADVICE}")
    try:
        return Evaluation.model_validate(run.folder.read_json(EVALUATION))
    except ValidationError as error:
        raise ArtifactError(f"{run.folder.uri}/{EVALUATION} is of another version of mmkd_ray: {_ADVICE}") from error
