"""What the study says, in plain words computed from its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmkd_ray.config import ARMS, BASELINE
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, Evaluation, Measure
from mmkd_ray.metrics.statistics import PairedDifference, paired_difference
from mmkd_ray.render.units import Unit
from mmkd_ray.render.words import arm_name, capital, count, level
from mmkd_ray.tasks import Metric

METHOD = "makd"
"""The arm that the study is about, where it is there."""

Verdict = Literal["gain", "loss", "images", "noise", "open"]
"""`images`: beyond the noise of the seeds, within that of the test images."""

_BADGES: dict[Verdict, str] = {
    "gain": "Beyond the noise",
    "loss": "Worse, beyond the noise",
    "images": "Within the noise of the test images",
    "noise": "Within the noise",
    "open": "No interval",
}
_CONCLUSIONS: dict[Verdict, str] = {
    "gain": "A gain beyond the noise of the seeds: the interval over them excludes 0.",
    "loss": "A loss beyond the noise of the seeds: the interval over them excludes 0.",
    "images": "The interval over seeds excludes 0, that over test images does not: others may show no difference.",
    "noise": "The interval over seeds includes 0: the difference is within the noise of the seeds.",
    "open": "One seed gives no interval over seeds: the noise of training is unknown.",
}


@dataclass(frozen=True)
class Headline:
    """The first words of the report."""

    verdict: Verdict
    badge: str
    sentence: str
    conclusion: str
    details: tuple[str, ...]
    """Further sentences: shift sets, controls."""


def focus_arm(evaluation: Evaluation) -> str:
    """The arm that the report is about: `makd`, else the first that is not the baseline, else the baseline."""
    arms = list(evaluation.arms)
    others = [arm for arm in arms if arm != BASELINE]
    return METHOD if METHOD in arms else (others or arms)[0]


def verdict_of(difference: PairedDifference | None, metric: Metric) -> Verdict:
    """What a paired difference to the baseline amounts to."""
    if difference is None or difference.low is None:
        return "open"
    if not difference.excludes_zero:
        return "noise"
    if difference.over_images and not difference.over_images.excludes_zero:
        return "images"
    return "gain" if metric.is_better(difference.mean, than=0) else "loss"


def headline(evaluation: Evaluation) -> Headline:
    """The study in a sentence, what it amounts to, and what else is to be known."""
    arm, metric = focus_arm(evaluation), evaluation.primary
    test = _measure(evaluation, arm)
    images = count(evaluation.images.get("test", 0), "test image")
    difference = test.difference
    if difference is None:
        return _without_comparison(evaluation, arm, test, images)
    verdict = verdict_of(difference, metric)
    sentence = (
        f"{capital(arm_name(arm))} reaches {metric.unit.text_with_sign(test.mean)} against "
        f"{metric.unit.text_with_sign(_measure(evaluation, BASELINE).mean)} of {arm_name(BASELINE)} on {images}: "
        f"{metric.unit.difference_with_sign(difference.mean)} ({_evidence(difference, evaluation)})."
    )
    details = [_shift(evaluation, arm), _controls(evaluation, arm, verdict)]
    conclusion = _CONCLUSIONS[verdict]
    if verdict in ("gain", "loss") and difference.over_images:
        conclusion += " So does that over test images."
    return Headline(verdict, _BADGES[verdict], sentence, conclusion, tuple(text for text in details if text))


def _measure(evaluation: Evaluation, arm: str, split: str = "test") -> Measure:
    found = evaluation.arms[arm].measure(evaluation.primary, split)
    assert found is not None, "every student is measured on the same splits"
    return found


def _evidence(difference: PairedDifference, evaluation: Evaluation) -> str:
    unit = evaluation.primary.unit
    seeds = difference.seeds if difference.low is None else count(len(difference.per_seed), "seed")
    found = [f"{unit.interval(difference.low, difference.high)} over {seeds}"] if difference.low is not None else []
    if over := difference.over_images:
        found.append(f"{unit.interval(over.low, over.high)} over the images")
    intervals = f"{level(evaluation.confidence)} interval{'s' if len(found) > 1 else ''} {', '.join(found)}"
    if difference.low is None:
        return f"{seeds}; {intervals}" if found else seeds
    return intervals


def _without_comparison(evaluation: Evaluation, arm: str, test: Measure, images: str) -> Headline:
    seeds = count(len(test.values), "seed")
    mean = "mean of " if len(test.values) > 1 else ""
    value = evaluation.primary.unit.text_with_sign(test.mean)
    sentence = f"{capital(arm_name(arm))} reaches {value} on {images} ({mean}{seeds})."
    conclusion = (
        "The study has no other arm to compare it with."
        if BASELINE in evaluation.arms
        else f"The study has no baseline arm '{BASELINE}': it cannot say what is gained."
    )
    return Headline("open", "No comparison", sentence, conclusion, ())


def _shift(evaluation: Evaluation, arm: str) -> str | None:
    if not evaluation.shift_sets:
        return None
    metric, measured = evaluation.primary, _measure(evaluation, arm, SHIFT_MEAN)
    if (difference := measured.difference) is None:
        return None
    sets, unit = evaluation.shift_sets, metric.unit
    where = "the shift set" if len(sets) == 1 else f"{len(sets)} shift sets (mean)"
    remark = "; within the noise" if verdict_of(difference, metric) in ("noise", "images") else ""
    return (
        f"On {where}: {unit.text(measured.mean)} against "
        f"{unit.text_with_sign(_measure(evaluation, BASELINE, SHIFT_MEAN).mean)}, "
        f"{unit.difference_with_sign(difference.mean)} ({_evidence(difference, evaluation)}){remark}."
    )


def _controls(evaluation: Evaluation, arm: str, verdict: Verdict) -> str | None:
    """Whether the arm beats the controls, which have everything but the teacher's knowledge of the image."""
    controls = [other for other in evaluation.arms if other in ARMS and ARMS[other].control]
    if arm != METHOD or not controls:
        return None
    metric, found = evaluation.primary, {other: _over(evaluation, arm, other) for other in controls}
    listed = ", ".join(
        f"{metric.unit.difference_with_sign(d.mean)} over {arm_name(other)}{_bracket(d, metric.unit)}"
        for other, d in found.items()
    )
    equal = [arm_name(other) for other, d in found.items() if verdict_of(d, metric) != "gain"]
    if verdict == "gain" and not equal:
        return f"The controls do not explain it: {arm_name(arm)} is {listed}."
    remark = f" {arm_name(arm)} is not shown to be better than {' or '.join(equal)}" if equal else ""
    remark += ", so the gain need not come from what the teacher saw." if equal and verdict == "gain" else "."
    has_intervals = all(d.low is not None for d in found.values())
    return f"{arm_name(arm)} against the controls: {listed}.{remark if equal and has_intervals else ''}"


def _over(evaluation: Evaluation, arm: str, other: str) -> PairedDifference:
    ours, theirs = _measure(evaluation, arm).defined, _measure(evaluation, other).defined
    return paired_difference(ours, theirs, confidence=evaluation.confidence)


def _bracket(difference: PairedDifference, unit: Unit) -> str:
    return "" if difference.low is None else f" ({unit.interval(difference.low, difference.high)} over seeds)"
