"""The arms of a study side by side, each compared with the baseline, seed by seed and image by image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int

from mmkd_ray.config import BASELINE
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Measure
from mmkd_ray.evaluate.further import Value
from mmkd_ray.evaluate.measure import Measured
from mmkd_ray.metrics.sampling import Bounds, ImageSample, sampling_interval
from mmkd_ray.metrics.statistics import paired_difference
from mmkd_ray.tasks import Metric

Key = tuple[str, float, str, str]
"""Probe, severity, split, metric."""
Scores = Mapping[str, Float64[np.ndarray, " N"]]
"""Mean over an arm's seeds of what each image contributes to the primary metric, by split."""


@dataclass(frozen=True)
class Comparison:
    """How arms are compared."""

    confidence: float
    """Level of the intervals."""
    primary: Metric
    """The metric that students have scores of, image by image."""
    clusters: Mapping[str, Int[np.ndarray, " N"]]
    """Of each split with such scores, the number of the object that each image shows."""

    def arms(self, arms: dict[str, list[Measured]], seeds: Sequence[int]) -> dict[str, ArmResults]:
        """The arms of one variant.

        Args:
            arms: the students of each arm, in the order of the seeds.
            seeds: of the study.
        """
        return {
            arm: ArmResults(
                seeds=tuple(seeds),
                measures=self._measures(students, [] if arm == BASELINE else arms.get(BASELINE, [])),
                by_class=_defined(np.mean([student.by_class for student in students], axis=0)),
                fidelity=_defined(np.mean([student.fidelity_Q for student in students], axis=0)),
                seconds=tuple(student.record["seconds"] for student in students),
                best_epoch=tuple(student.record["best_epoch"] for student in students),
                history=tuple(tuple(student.history) for student in students),
            )
            for arm, students in arms.items()
        }

    def _measures(self, students: list[Measured], baseline: list[Measured]) -> tuple[Measure, ...]:
        """Every measure of an arm, compared with the baseline's if there is one."""
        before = _values_by_seed(baseline)
        measures = [
            _measure(key, of_seeds, before.get(key), self.confidence)
            for key, of_seeds in _values_by_seed(students).items()
        ]
        return tuple(
            self._over_images(measure, students, baseline) if measure.metric == self.primary.name else measure
            for measure in measures
        )

    def _over_images(self, measure: Measure, students: list[Measured], baseline: list[Measured]) -> Measure:
        """The measure with its intervals over the images, as far as there are scores of them."""
        scores, difference = _image_scores(students, measure), measure.difference
        if difference is not None:
            before = _image_scores(baseline, measure)
            paired = {split: scores_N - before[split] for split, scores_N in scores.items()}
            difference = replace(difference, over_images=self._interval(paired))
        return measure.model_copy(update={"over_images": self._interval(scores), "difference": difference})

    def _interval(self, scores: Scores) -> Bounds | None:
        samples = [ImageSample(scores_N, self.clusters[split]) for split, scores_N in scores.items()]
        return sampling_interval(samples, confidence=self.confidence)


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


def _image_scores(students: list[Measured], measure: Measure) -> Scores:
    """Of the split, or of all shift sets, of a measure."""
    found = {}
    for probe, severity, split in students[0].image_scores:
        is_meant = split != "test" if measure.split == SHIFT_MEAN else split == measure.split
        if is_meant and (probe, severity) == (measure.probe, measure.severity):
            found[split] = np.mean([student.image_scores[probe, severity, split] for student in students], axis=0)
    return found


def _defined(values: Sequence[float] | np.ndarray) -> tuple[float | None, ...]:
    """Plain numbers: nan becomes None."""
    return tuple(None if math.isnan(value) else float(value) for value in values)
