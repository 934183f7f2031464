"""What the page about robustness shows of an evaluation: the columns of its table, and its curves over severity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Evaluation, Measure
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
        by_severity = {probe: dict(_by_severity(evaluation.arms[arm], probe, evaluation.primary)) for probe in probes}
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


def _by_severity(results: ArmResults, probe: str, metric: Metric) -> Iterator[tuple[float, Measure]]:
    for measure in results.measures:
        if (measure.probe, measure.split, measure.metric) == (probe, "test", metric.name):
            yield measure.severity, measure


def columns_of(evaluation: Evaluation) -> list[Column]:
    """The measures of clean images, then of the shift sets, then the mean over each kind of probes, of every arm."""
    found: dict[str, Column] = {}
    for variant, arms in evaluation.variants.items():
        for column in _columns(evaluation, arms):
            named = {(variant, arm): measure for (_, arm), measure in column.measures.items()}
            already = found[column.title].measures if column.title in found else {}
            found[column.title] = replace(column, measures={**already, **named})
    return list(found.values())


def _columns(evaluation: Evaluation, arms: Mapping[str, ArmResults]) -> Iterator[Column]:
    """Those that are measured of the arms of one variant."""
    primary, unit = evaluation.primary, evaluation.primary.unit
    note = f"{primary.title}{',' if unit.sign else ''}{unit.sign}"
    yield Column("Clean", note, primary, _measures(arms, primary, "test"))
    if evaluation.shift_sets:
        title = "Shift set" if len(evaluation.shift_sets) == 1 else "Shift sets"
        yield Column(title, note, primary, _measures(arms, primary, SHIFT_MEAN))
    for kind, probes in probes_by_kind(evaluation).items():
        each = {
            arm: [m for probe in probes for _, m in _by_severity(results, probe, primary)]
            for arm, results in arms.items()
        }
        means = mean_over(each, confidence=evaluation.confidence)
        yield Column(kind.column, note, primary, {("", arm): mean for arm, mean in means.items()})
    for metric in evaluation.of_task.metrics:
        if metric != primary:
            arrow = "higher is better" if metric.higher_is_better else "lower is better"
            yield Column(metric.title, arrow, metric, _measures(arms, metric, "test"))


def _measures(arms: Mapping[str, ArmResults], metric: Metric, split: str) -> dict[tuple[str, str], Measure]:
    return {("", arm): found for arm, results in arms.items() if (found := results.measure(metric, split))}
