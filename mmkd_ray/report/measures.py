"""The table of arms and measures: every value beside its difference to the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_1samp

from mmkd_ray.config import BASELINE
from mmkd_ray.evaluate.evaluation import Measure
from mmkd_ray.metrics.multiple import holm
from mmkd_ray.metrics.statistics import PairedDifference, paired_difference
from mmkd_ray.report.headline import verdict_of
from mmkd_ray.tasks import Metric

Row = tuple[str, str]
"""Variant (empty in a study without) and arm."""


@dataclass(frozen=True)
class Section:
    """Columns that are shown together."""

    name: str
    title: str
    lead: str


IMAGES = Section("images", "On other images", "How often the arms are right.")
TRUST = Section(
    "trust",
    "How far the probabilities can be trusted",
    "On clean test images; confidence is the highest class probability.",
)
ASPECTS = Section(
    "aspects",
    "What the aspects add",
    "Agreement says whether the class that a student names fits the aspects that it sees, by the teacher's answers "
    "about training images. It is worth something where it finds more errors, or more shifted images, than confidence.",
)


@dataclass(frozen=True)
class Column:
    """One measure of all arms."""

    section: Section
    title: str
    metric: Metric
    measures: Mapping[Row, Measure]

    @property
    def note(self) -> str:
        """Below the title: unit, and which values are better."""
        better = "" if self.metric.higher_is_better else "lower is better"
        return ", ".join(filter(None, (self.metric.unit.sign.strip(), better)))


@dataclass(frozen=True)
class Cell:
    """A measure of one arm, ready to be shown."""

    value: str
    difference: str
    """To the baseline; empty for the baseline itself and without one."""
    interval: str
    """Of the difference, over the seeds; empty with one seed."""
    is_beyond_noise: bool
    """Whether the intervals of the difference exclude 0."""
    survives: bool = False
    """Whether the difference survives Holm's correction for all that the table shows."""


@dataclass(frozen=True)
class MeasureTable:
    """Arms by columns."""

    sections: dict[Section, list[tuple[int, Column]]]
    """Of each section its columns, with their places in the rows."""
    rows: dict[Row, list[Cell]]
    compared: int
    """Number of differences with an interval."""


def measure_table(columns: list[Column], *, confidence: float) -> MeasureTable:
    """The table; differences are tested together, by Student's t test of those of the seeds."""
    order = list(dict.fromkeys(row for column in columns for row in column.measures))
    measures = {(row, place): column.measures.get(row) for place, column in enumerate(columns) for row in order}
    compared = {key: d for key, m in measures.items() if m and (d := m.difference) and d.low is not None}
    p_values = [float(ttest_1samp(difference.per_seed, 0).pvalue) for difference in compared.values()]
    surviving = dict(zip(compared, holm(p_values, level=1 - confidence), strict=True))
    rows = {
        row: [
            _cell(column.metric, measures[row, place], survives=surviving.get((row, place), False))
            for place, column in enumerate(columns)
        ]
        for row in order
    }
    sections: dict[Section, list[tuple[int, Column]]] = {}
    for place, column in enumerate(columns):
        sections.setdefault(column.section, []).append((place, column))
    return MeasureTable(sections, rows, len(compared))


def _cell(metric: Metric, measure: Measure | None, *, survives: bool) -> Cell:
    value = metric.unit.text(measure.mean if measure else None)
    difference = measure.difference if measure else None
    if difference is None:
        return Cell(value, "", "", is_beyond_noise=False)
    interval = "" if difference.low is None else metric.unit.interval(difference.low, difference.high)
    beyond = verdict_of(difference, metric) in ("gain", "loss")
    return Cell(value, metric.unit.difference(difference.mean), interval, is_beyond_noise=beyond, survives=survives)


def mean_over(found: Mapping[str, Sequence[Measure]], *, confidence: float) -> dict[str, Measure]:
    """The mean of several measures, seed by seed, with its paired difference to the baseline.

    Args:
        found: of each arm, the same measures in the same order.
        confidence: level of the interval.
    """
    by_seed = {arm: _by_seed(measures) for arm, measures in found.items() if measures}
    return {
        arm: Measure(
            probe="",
            severity=0.0,
            split=found[arm][0].split,
            metric=found[arm][0].metric,
            values=values,
            difference=_difference(values, by_seed.get(BASELINE), confidence) if arm != BASELINE else None,
        )
        for arm, values in by_seed.items()
    }


def _by_seed(measures: Sequence[Measure]) -> tuple[float | None, ...]:
    """None for a seed of which one value is not defined."""
    return tuple(
        None if any(value is None for value in values) else float(np.mean(values))
        for values in zip(*(measure.values for measure in measures), strict=True)
    )


def _difference(
    arm: Sequence[float | None], baseline: Sequence[float | None] | None, confidence: float
) -> PairedDifference | None:
    values = [value for value in arm if value is not None]
    others = [value for value in baseline or () if value is not None]
    if not values or len(values) != len(arm) or len(values) != len(others):
        return None
    return paired_difference(values, others, confidence=confidence)
