"""What the page about robustness shows of an evaluation: the columns of its table, and its curves over severity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, Evaluation, Measure
from mmkd_ray.evaluate.probes import CLEAN, PROBES
from mmkd_ray.render.charts.curves import Curves, curves_over_severity
from mmkd_ray.report.measures import Column, mean_over
from mmkd_ray.tasks import Metric


@dataclass(frozen=True)
class Kind:
    """Probes that are looked at together."""

    name: str
    title: str
    lead: str
    axis: str
    """What a severity is."""
    column: str
    """Title of the mean over all of them."""


_CORRUPTIONS = Kind(
    "corruptions",
    "The harder the corruption",
    "Test images with one corruption each; 0 is the clean image. The large chart is the mean over corruptions.",
    "Severity",
    "Corrupted",
)
_ATTACKS = Kind(
    "attacks",
    "The stronger the adversary",
    "Test images changed by an adversary that knows the student's weights, by at most epsilon; 0 is the clean image.",
    "Epsilon x 255",
    "Attacked",
)


@dataclass(frozen=True)
class Family:
    """The curves of one kind of probes."""

    kind: Kind
    mean: Curves
    """Over all probes of the kind, clean images at the left."""
    each: Mapping[str, Curves]


def kind_of(probe: str) -> Kind:
    """Which probes a probe is looked at with."""
    return _ATTACKS if probe.startswith("attack") else _CORRUPTIONS


def probes_by_kind(evaluation: Evaluation) -> dict[Kind, list[str]]:
    """The probes of this evaluation but the clean one, in the order in which they were measured."""
    found: dict[Kind, list[str]] = {}
    arms = list(evaluation.arms.values())
    for probe in dict.fromkeys(m.probe for m in arms[0].measures if m.probe != CLEAN.name) if arms else ():
        found.setdefault(kind_of(probe), []).append(probe)
    return found


def kinds_to_add(evaluation: Evaluation) -> list[str]:
    """The kinds of probes that there are and that this evaluation lacks."""
    there = dict.fromkeys(kind_of(probe).name for probe in PROBES if probe != CLEAN.name)
    return [name for name in there if name not in {kind.name for kind in probes_by_kind(evaluation)}]


def families_of(evaluation: Evaluation) -> list[Family]:
    """A chart for each kind of probes that was measured at several severities."""
    families = []
    for kind, probes in probes_by_kind(evaluation).items():
        each = {probe: curves for probe in probes if (curves := _curves(evaluation, [probe]))}
        mean = _curves(evaluation, list(each))
        if mean:
            families.append(Family(kind, mean, each))
    return families


def _curves(evaluation: Evaluation, probes: Sequence[str]) -> Curves | None:
    """The primary metric over the severities that all of these probes have, their mean; clean images first."""
    series: dict[str, list[list[float]]] = {}
    severities: list[float] = []
    for arm in evaluation.arms:
        by_severity = {probe: dict(_by_severity(evaluation, arm, probe)) for probe in probes}
        clean = evaluation.arms[arm].measure(evaluation.primary)
        shared = sorted(set.intersection(*map(set, by_severity.values()))) if by_severity else []
        if clean is None or None in clean.values or not shared:
            continue
        means = [
            mean_over({arm: [by_severity[probe][severity] for probe in probes]}, confidence=evaluation.confidence)[arm]
            for severity in shared
        ]
        severities = [0.0, *shared]
        series[arm] = [list(values) for values in zip(clean.values, *(mean.values for mean in means), strict=True)]
    return curves_over_severity(series, severities, evaluation.primary.unit)


def _by_severity(evaluation: Evaluation, arm: str, probe: str) -> Iterator[tuple[float, Measure]]:
    for measure in evaluation.arms[arm].measures:
        if (measure.probe, measure.split, measure.metric) == (probe, "test", evaluation.primary.name):
            yield measure.severity, measure


def columns_of(evaluation: Evaluation) -> list[Column]:
    """The measures of clean images, then of each shift set's, then the mean over each kind of probes."""
    primary, unit = evaluation.primary, evaluation.primary.unit
    note = f"{primary.title}{',' if unit.sign else ''}{unit.sign}"
    columns = [Column("Clean", note, primary, _measures(evaluation, primary, "test"))]
    if evaluation.shift_sets:
        title = "Shift set" if len(evaluation.shift_sets) == 1 else "Shift sets"
        columns.append(Column(title, note, primary, _measures(evaluation, primary, SHIFT_MEAN)))
    for kind, probes in probes_by_kind(evaluation).items():
        found = {
            arm: [m for probe in probes for _, m in _by_severity(evaluation, arm, probe)] for arm in evaluation.arms
        }
        columns.append(Column(kind.column, note, primary, mean_over(found, confidence=evaluation.confidence)))
    for metric in evaluation.of_task.metrics:
        if metric != primary:
            arrow = "higher is better" if metric.higher_is_better else "lower is better"
            columns.append(Column(metric.title, arrow, metric, _measures(evaluation, metric, "test")))
    return [column for column in columns if column.measures]


def _measures(evaluation: Evaluation, metric: Metric, split: str) -> dict[str, Measure]:
    return {arm: found for arm, results in evaluation.arms.items() if (found := results.measure(metric, split))}
