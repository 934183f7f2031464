"""The results of runs side by side, and their differences where these mean something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, Measure
from mmkd_ray.evaluate.measure import FIDELITY
from mmkd_ray.metrics.statistics import PairedDifference, paired_difference
from mmkd_ray.report.comparison.inputs import InputDifferences
from mmkd_ray.report.comparison.stored import StoredRun
from mmkd_ray.tasks import Metric, Task


@dataclass(frozen=True)
class MeasureRow:
    """One metric of one arm."""

    variant: str
    arm: str
    metric: Metric
    split: str
    measures: tuple[Measure | None, ...]
    """One a run; None where it was not measured."""
    differences: tuple[PairedDifference | None, ...]
    """To the first run, one for each further one, over the seeds that both have; None where they cannot be compared."""
    same_students: tuple[bool, ...]
    """Likewise: whether these are the same students, so that there is nothing to compare."""


def measure_rows(runs: Sequence[StoredRun], inputs: Sequence[InputDifferences]) -> list[MeasureRow]:
    """A row for each metric of each arm that any of the runs has.

    Args:
        runs: all of one task.
        inputs: of each run but the first, compared with the first.
    """
    names = dict.fromkeys((name, arm) for run in runs for name, arms in run.evaluation.variants.items() for arm in arms)
    rows = [
        _row(runs, inputs, variant, arm, metric, split)
        for variant, arm in names
        for metric, split in _shown(runs[0].evaluation.of_task)
    ]
    return [row for row in rows if any(measure and measure.defined for measure in row.measures)]


def _shown(task: Task) -> list[tuple[Metric, str]]:
    on_test = [(metric, "test") for metric in task.metrics]
    return [*on_test, (task.primary, SHIFT_MEAN), (FIDELITY, "val")]


def _row(
    runs: Sequence[StoredRun], inputs: Sequence[InputDifferences], variant: str, arm: str, metric: Metric, split: str
) -> MeasureRow:
    first, *others = runs
    return MeasureRow(
        variant,
        arm,
        metric,
        split,
        tuple(_measure(run, variant, arm, metric, split) for run in runs),
        tuple(
            _difference(first, other, variant, arm, metric, split) if not _why_not(found, metric, split) else None
            for other, found in zip(others, inputs, strict=True)
        ),
        tuple(_are_the_same(first, other, variant, arm) for other in others),
    )


def _why_not(inputs: InputDifferences, metric: Metric, split: str) -> str:
    """Fidelity is that to the teacher's answers: to others it is another quantity."""
    answers = (inputs.questions or inputs.teacher) if metric == FIDELITY else ""
    return inputs.why_not(split) or answers


def _measure(run: StoredRun, variant: str, arm: str, metric: Metric, split: str) -> Measure | None:
    results = run.evaluation.variants.get(variant, {}).get(arm)
    return results.measure(metric, split) if results else None


def _by_seed(run: StoredRun, variant: str, arm: str, metric: Metric, split: str) -> dict[int, float]:
    results, measure = run.evaluation.variants.get(variant, {}).get(arm), _measure(run, variant, arm, metric, split)
    if results is None or measure is None:
        return {}
    values = zip(results.seeds, measure.values, strict=True)
    return {seed: value for seed, value in values if value is not None}


def _difference(
    first: StoredRun, other: StoredRun, variant: str, arm: str, metric: Metric, split: str
) -> PairedDifference | None:
    before, after = (_by_seed(run, variant, arm, metric, split) for run in (first, other))
    seeds = [seed for seed in before if seed in after]
    if not seeds:
        return None
    return paired_difference(
        [after[seed] for seed in seeds], [before[seed] for seed in seeds], confidence=first.evaluation.confidence
    )


def _are_the_same(first: StoredRun, other: StoredRun, variant: str, arm: str) -> bool:
    one, another = (
        {
            seed: student
            for (of_variant, of_arm, seed), student in run.students.items()
            if (of_variant, of_arm) == (variant, arm)
        }
        for run in (first, other)
    )
    common = one.keys() & another.keys()
    return bool(common) and all(one[seed] == another[seed] for seed in common)
