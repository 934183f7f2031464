"""What the page about robustness shows of an evaluation: the columns of its table, and its curves over severity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Evaluation, Measure
from mmkd_ray.evaluate.further import (
    AGREEMENT_AURC,
    AGREEMENT_ERRORS,
    AGREEMENT_SHIFT,
    CONFIDENCE_ERRORS,
    CONFIDENCE_SHIFT,
    CORRUPTIONS,
    GROUP_GAP,
    MCE,
    WORST_GROUP,
)
from mmkd_ray.evaluate.measure import FIDELITY
from mmkd_ray.evaluate.probes import CLEAN, PROBES, Probe
from mmkd_ray.render.charts.curves import Curves, curves_over_severity
from mmkd_ray.render.words import capital
from mmkd_ray.report.measures import ASPECTS, IMAGES, TRUST, Column, mean_over
from mmkd_ray.tasks import Metric


@dataclass(frozen=True)
class Family:
    """Probes that are looked at together."""

    name: str
    title: str
    lead: str
    axis: str
    """What a severity is."""
    mean: Curves
    """Over all of the probes, clean images at the left."""
    each: Mapping[str, Curves]
    """Of each probe, where there are several."""


def attack_title(probe: Probe) -> str:
    """For people: an attack and its norm."""
    kind = {"pgd": "PGD", "autoattack": "AutoAttack"}.get(probe.kind, probe.kind)
    return f"{kind}, {'L2' if probe.name.endswith('_l2') else 'L-inf'}"


def epsilon_text(probe: Probe, severity: float) -> str:
    """For people: how far an attack goes, in values of [0, 1]."""
    return f"{severity:g}" if probe.name.endswith("_l2") else f"{severity:g}/255"


def measured_probes(evaluation: Evaluation) -> list[Probe]:
    """The probes of this evaluation but the clean one."""
    there = {measure.probe for results in evaluation.arms.values() for measure in results.measures}
    return [probe for name, probe in PROBES.items() if name in there and name != CLEAN.name]


def kinds_to_add(evaluation: Evaluation) -> list[str]:
    """The kinds of probes that there are and that this evaluation lacks."""
    measured = {probe.kind for probe in measured_probes(evaluation)}
    there = dict.fromkeys(probe.kind for probe in PROBES.values() if probe != CLEAN)
    return [kind for kind in there if kind not in measured]


def families_of(evaluation: Evaluation) -> list[Family]:
    """Charts over severity: of all corruptions together, and of each attack."""
    corruptions = [probe.name for probe in measured_probes(evaluation) if probe.kind == "corruptions"]
    attacks = [probe for probe in measured_probes(evaluation) if probe.kind != "corruptions"]
    families = []
    if mean := _curves(evaluation, corruptions):
        each = {probe: curves for probe in corruptions if (curves := _curves(evaluation, [probe]))}
        lead = (
            "Test images with one corruption each; 0 is the clean image. The large chart is the mean over corruptions."
        )
        families.append(Family(CORRUPTIONS, "The harder the corruption", lead, "Severity", mean, each))
    for probe in attacks:
        if curves := _curves(evaluation, [probe.name]):
            lead = (
                "Test images changed by an adversary that knows the student's weights, by at most epsilon; 0 are all "
                "clean test images."
            )
            axis = "Epsilon, Euclidean distance" if probe.name.endswith("_l2") else "Epsilon times 255, of any value"
            title = f"The stronger the adversary: {attack_title(probe)}"
            families.append(Family(probe.name, title, lead, axis, curves, {}))
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
            if not column.measures:
                continue
            named = {(variant, arm): measure for (_, arm), measure in column.measures.items()}
            already = found[column.title].measures if column.title in found else {}
            found[column.title] = replace(column, measures={**already, **named})
    return list(found.values())


def _columns(evaluation: Evaluation, arms: Mapping[str, ArmResults]) -> Iterator[Column]:
    """Those that are measured of the arms of one variant."""
    task, primary = evaluation.of_task, evaluation.primary
    yield Column(IMAGES, "Clean", primary, _measures(arms, primary, "test"))
    if evaluation.shift_sets:
        title = "Shift set" if len(evaluation.shift_sets) == 1 else "Shift sets"
        yield Column(IMAGES, title, primary, _measures(arms, primary, SHIFT_MEAN))
    for metric in (WORST_GROUP, GROUP_GAP):
        yield Column(IMAGES, capital(metric.title), metric, _measures(arms, metric, "test"))
    corruptions = [probe for probe in measured_probes(evaluation) if probe.kind == "corruptions"]
    yield Column(IMAGES, "Corrupted", primary, _means(evaluation, arms, corruptions))
    yield Column(IMAGES, "mCE", MCE, _measures(arms, MCE, "test", CORRUPTIONS))
    for probe in measured_probes(evaluation):
        if probe.kind != "corruptions":
            yield Column(IMAGES, attack_title(probe), primary, _means(evaluation, arms, [probe]))
    for metric in task.trust:
        yield Column(TRUST, capital(metric.title), metric, _measures(arms, metric, "test"))
    for metric in (CONFIDENCE_ERRORS, AGREEMENT_ERRORS, AGREEMENT_AURC):
        yield Column(ASPECTS, capital(metric.title), metric, _measures(arms, metric, "test"))
    for split in evaluation.shift_sets:
        for metric in (CONFIDENCE_SHIFT, AGREEMENT_SHIFT):
            yield Column(ASPECTS, f"{capital(metric.title)}: {split}", metric, _measures(arms, metric, split))
    yield Column(ASPECTS, capital(FIDELITY.title), FIDELITY, _measures(arms, FIDELITY, "val"))


def _means(
    evaluation: Evaluation, arms: Mapping[str, ArmResults], probes: Sequence[Probe]
) -> dict[tuple[str, str], Measure]:
    """The primary metric, its mean over the severities of some probes."""
    each = {
        arm: [m for probe in probes for _, m in _by_severity(results, probe.name, evaluation.primary)]
        for arm, results in arms.items()
    }
    return {("", arm): mean for arm, mean in mean_over(each, confidence=evaluation.confidence).items()}


def _measures(
    arms: Mapping[str, ArmResults], metric: Metric, split: str, probe: str = CLEAN.name
) -> dict[tuple[str, str], Measure]:
    found = {("", arm): results.measure(metric, split, probe=probe) for arm, results in arms.items()}
    return {row: measure for row, measure in found.items() if measure and measure.defined}
