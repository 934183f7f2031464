"""The arms of a study side by side, each compared with the baseline, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmkd_ray.config import BASELINE
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Measure
from mmkd_ray.evaluate.measure import Measured, Value
from mmkd_ray.metrics.statistics import paired_difference

Key = tuple[str, float, str, str]
"""Probe, severity, split, metric."""


def compare_arms(arms: dict[str, list[Measured]], seeds: Sequence[int], *, confidence: float) -> dict[str, ArmResults]:
    """The arms of one variant.

    Args:
        arms: the students of each arm, in the order of the seeds.
        seeds: of the study.
        confidence: level of the paired intervals.
    """
    values = {arm: _values_by_seed(students) for arm, students in arms.items()}
    baseline = values.get(BASELINE, {})
    return {
        arm: ArmResults(
            seeds=tuple(seeds),
            measures=tuple(
                _measure(key, of_seeds, None if arm == BASELINE else baseline.get(key), confidence)
                for key, of_seeds in values[arm].items()
            ),
            by_class=_defined(np.mean([student.by_class for student in students], axis=0)),
            fidelity=_defined(np.mean([student.fidelity_Q for student in students], axis=0)),
            seconds=tuple(student.record["seconds"] for student in students),
            best_epoch=tuple(student.record["best_epoch"] for student in students),
            history=tuple(tuple(student.history) for student in students),
        )
        for arm, students in arms.items()
    }


def _values_by_seed(students: list[Measured]) -> dict[Key, list[float]]:
    """The values of all students by what they are of, and their means over the shift sets."""
    by_key: dict[Key, list[float]] = {}
    for student in students:
        for value in (*student.values, *_shift_means(student.values)):
            by_key.setdefault((value.probe, value.severity, value.split, value.metric), []).append(value.value)
    return by_key


def _shift_means(values: Sequence[Value]) -> list[Value]:
    on_shift_sets: dict[tuple[str, float, str], list[float]] = {}
    for value in values:
        if value.split not in ("val", "test"):
            on_shift_sets.setdefault((value.probe, value.severity, value.metric), []).append(value.value)
    return [
        Value(probe, severity, SHIFT_MEAN, metric, float(np.mean(of_sets)))
        for (probe, severity, metric), of_sets in on_shift_sets.items()
    ]


def _measure(key: Key, of_seeds: list[float], baseline: list[float] | None, confidence: float) -> Measure:
    probe, severity, split, metric = key
    difference = None
    if baseline is not None and np.isfinite([*of_seeds, *baseline]).all():
        difference = paired_difference(of_seeds, baseline, confidence=confidence)
    return Measure(
        probe=probe, severity=severity, split=split, metric=metric, values=_defined(of_seeds), difference=difference
    )


def _defined(values: Sequence[float] | np.ndarray) -> tuple[float | None, ...]:
    """Plain numbers: nan becomes None."""
    return tuple(None if math.isnan(value) else float(value) for value in values)
