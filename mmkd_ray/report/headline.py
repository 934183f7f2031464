"""What the study says, in plain words computed from its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from mmkd_ray.metrics.statistics import PairedDifference, paired_difference
from mmkd_ray.render.words import arm_name, capital, count, interval, level, percent, percent_sign, points
from mmkd_ray.students.targets.arms import ARMS, BASELINE

METHOD = "makd"
"""The arm that the study is about, where it is there."""

Verdict = Literal["gain", "loss", "noise", "open"]

_BADGES: dict[Verdict, str] = {
    "gain": "Beyond the noise",
    "loss": "Worse, beyond the noise",
    "noise": "Within the noise",
    "open": "No interval",
}
_CONCLUSIONS: dict[Verdict, str] = {
    "gain": "The interval excludes 0: a gain beyond the noise of the seeds.",
    "loss": "The interval excludes 0: a loss beyond the noise of the seeds.",
    "noise": "The interval includes 0: the difference is within the noise of the seeds.",
    "open": "One seed gives no interval: nothing can be said about noise.",
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


def focus_arm(evaluation: dict[str, Any]) -> str:
    """The arm that the report is about: `makd`, else the first that is not the baseline, else the baseline."""
    arms = list(evaluation["arms"])
    others = [arm for arm in arms if arm != BASELINE]
    return METHOD if METHOD in arms else (others or arms)[0]


def verdict_of(difference: dict[str, Any] | None) -> Verdict:
    """What a paired difference to the baseline amounts to."""
    if difference is None or difference["low"] is None:
        return "open"
    if not difference["excludes_zero"]:
        return "noise"
    return "gain" if difference["mean"] > 0 else "loss"


def headline(evaluation: dict[str, Any], summary_arms: dict[str, Any]) -> Headline:
    """The study in a sentence, what it amounts to, and what else is to be known.

    Args:
        evaluation: what `evaluation.json` holds.
        summary_arms: of `evaluate.stage.summarise_arms`.
    """
    arm = focus_arm(evaluation)
    measured = summary_arms[arm]
    images = count(evaluation["images"].get("test", 0), "test image")
    difference = measured["difference"]
    if difference is None:
        return _without_comparison(arm, measured, images, has_baseline=BASELINE in summary_arms)
    verdict = verdict_of(difference)
    baseline = summary_arms[BASELINE]
    sentence = (
        f"{capital(arm_name(arm))} reaches {percent_sign(measured['top1_mean'])} against "
        f"{percent_sign(baseline['top1_mean'])} of {arm_name(BASELINE)} on {images}: "
        f"{points(difference['mean'])} points ({_evidence(difference, evaluation['confidence'])})."
    )
    details = [_shift(evaluation, measured, baseline), _controls(evaluation, arm, verdict)]
    return Headline(verdict, _BADGES[verdict], sentence, _CONCLUSIONS[verdict], tuple(text for text in details if text))


def sampling_error(accuracy: float, images: int, confidence: float) -> float:
    """Half the normal-approximation interval of an accuracy measured on so many independent images."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return z * math.sqrt(accuracy * (1 - accuracy) / images)


def _evidence(difference: dict[str, Any], confidence: float) -> str:
    seeds = count(len(difference["per_seed"]), "seed")
    if difference["low"] is None:
        return seeds
    return f"{level(confidence)} interval {interval(difference['low'], difference['high'])}, {seeds}"


def _without_comparison(arm: str, measured: dict[str, Any], images: str, *, has_baseline: bool) -> Headline:
    seeds = count(len(measured["seeds"]), "seed")
    mean = "mean of " if len(measured["seeds"]) > 1 else ""
    sentence = f"{capital(arm_name(arm))} reaches {percent_sign(measured['top1_mean'])} on {images} ({mean}{seeds})."
    conclusion = (
        "The study has no other arm to compare it with."
        if has_baseline
        else f"The study has no baseline arm '{BASELINE}': it cannot say what is gained."
    )
    return Headline("open", "No comparison", sentence, conclusion, ())


def _shift(evaluation: dict[str, Any], measured: dict[str, Any], baseline: dict[str, Any]) -> str | None:
    difference = measured["shift_difference"]
    if difference is None:
        return None
    sets = list(next(iter(evaluation["arms"].values()))["shift"])
    where = "the shift set" if len(sets) == 1 else f"{len(sets)} shift sets (mean)"
    verdict = verdict_of(difference)
    remark = "; within the noise" if verdict == "noise" else ""
    return (
        f"On {where}: {percent(measured['shift_top1_mean'])} against {percent_sign(baseline['shift_top1_mean'])}, "
        f"{points(difference['mean'])} points ({_evidence(difference, evaluation['confidence'])}){remark}."
    )


def _controls(evaluation: dict[str, Any], arm: str, verdict: Verdict) -> str | None:
    """Whether the arm beats the controls, which have everything but the teacher's knowledge of the image."""
    arms = evaluation["arms"]
    controls = [other for other in arms if other in ARMS and ARMS[other].control]
    if arm != METHOD or not controls:
        return None
    found = {
        other: paired_difference(arms[arm]["top1"], arms[other]["top1"], confidence=evaluation["confidence"])
        for other in controls
    }
    listed = ", ".join(f"{points(d.mean)} points over {arm_name(other)}{_bracket(d)}" for other, d in found.items())
    equal = [arm_name(other) for other, d in found.items() if not (d.excludes_zero and d.mean > 0)]
    if verdict == "gain" and not equal:
        return f"The controls do not explain it: {arm_name(arm)} is {listed}."
    remark = f" {arm_name(arm)} is not shown to be better than {' or '.join(equal)}" if equal else ""
    remark += ", so the gain need not come from what the teacher saw." if equal and verdict == "gain" else "."
    has_intervals = all(d.low is not None for d in found.values())
    return f"{arm_name(arm)} against the controls: {listed}.{remark if equal and has_intervals else ''}"


def _bracket(difference: PairedDifference) -> str:
    return "" if difference.low is None else f" ({interval(difference.low, difference.high)})"
