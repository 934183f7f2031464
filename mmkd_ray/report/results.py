"""The rows of the result table."""

from __future__ import annotations

from dataclasses import dataclass

from mmkd_ray.config import ARMS
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Measure
from mmkd_ray.evaluate.measure import FIDELITY
from mmkd_ray.render.words import MISSING
from mmkd_ray.report.headline import verdict_of
from mmkd_ray.tasks import Metric, Task

_DESCRIPTIONS: dict[str, str] = {name: arm.description for name, arm in ARMS.items()}


@dataclass(frozen=True)
class ResultRow:
    """One arm, ready to be shown, in the units of its metrics."""

    arm: str
    description: str
    seeds: int
    mean: str
    """Of the primary metric on the test split; likewise the next seven."""
    std: str
    over_images: str
    """Interval of the mean over the choice of test images; empty where not known."""
    by_seed: list[str]
    difference: str
    interval: str
    """Of the difference, over the seeds."""
    difference_over_images: str
    """Interval of the difference over the choice of test images; empty where not known."""
    excludes_zero: bool
    """Whether all intervals of the difference do."""
    others: dict[str, str]
    """Mean of each further metric on the test split, by its title."""
    shift: str
    """Mean of the primary metric over the shift sets."""
    shift_difference: str
    fidelity: str


def result_rows(arms: dict[str, ArmResults], task: Task) -> list[ResultRow]:
    """A row for each arm of a variant."""
    return [_row(arm, results, task) for arm, results in arms.items()]


def _row(arm: str, results: ArmResults, task: Task) -> ResultRow:
    primary = task.primary
    test, shift = results.measure(primary), results.measure(primary, SHIFT_MEAN)
    difference = test.difference if test else None
    over = difference.over_images if difference else None
    return ResultRow(
        arm=arm,
        description=_DESCRIPTIONS.get(arm, ""),
        seeds=len(results.seeds),
        mean=_mean(primary, test),
        std=primary.unit.text(test.std if test else None),
        over_images=primary.unit.span(test.over_images.low, test.over_images.high) if test and test.over_images else "",
        by_seed=[primary.unit.text(value) for value in (test.values if test else ())],
        difference=primary.unit.difference(difference.mean if difference else None),
        interval=primary.unit.interval(difference.low, difference.high) if difference else MISSING,
        difference_over_images=primary.unit.interval(over.low, over.high) if over else "",
        excludes_zero=verdict_of(difference, primary) in ("gain", "loss"),
        others={other.title: _mean(other, results.measure(other)) for other in task.metrics if other != primary},
        shift=_mean(primary, shift),
        shift_difference=primary.unit.difference(shift.difference.mean) if shift and shift.difference else "",
        fidelity=_mean(FIDELITY, results.measure(FIDELITY, "val")),
    )


def _mean(metric: Metric, measure: Measure | None) -> str:
    return metric.unit.text(measure.mean if measure else None)
