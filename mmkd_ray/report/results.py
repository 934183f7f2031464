"""The rows of the result table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmkd_ray.render.words import decimal, duration, interval, percent, points
from mmkd_ray.students.targets.arms import ARMS

_DESCRIPTIONS: dict[str, str] = {name: arm.description for name, arm in ARMS.items()}


@dataclass(frozen=True)
class ResultRow:
    """One arm, ready to be shown; accuracies in percent, differences in percentage points."""

    arm: str
    description: str
    seeds: int
    top1: str
    top1_std: str
    top1_by_seed: list[str]
    difference: str
    interval: str
    excludes_zero: bool
    top5: str
    shift: str
    shift_difference: str
    fidelity: str
    seconds: str


def result_rows(summary_arms: dict[str, Any]) -> list[ResultRow]:
    """A row for each arm, from what `evaluate.stage.summarise_arms` gives."""
    return [_row(arm, measured) for arm, measured in summary_arms.items()]


def _row(arm: str, measured: dict[str, Any]) -> ResultRow:
    difference = measured["difference"] or {"mean": None, "low": None, "high": None, "excludes_zero": False}
    shift_difference = measured["shift_difference"]
    return ResultRow(
        arm=arm,
        description=_DESCRIPTIONS.get(arm, ""),
        seeds=len(measured["seeds"]),
        top1=percent(measured["top1_mean"]),
        top1_std=percent(measured["top1_std"]),
        top1_by_seed=[percent(value) for value in measured["top1"]],
        difference=points(difference["mean"]),
        interval=interval(difference["low"], difference["high"]),
        excludes_zero=difference["excludes_zero"],
        top5=percent(measured["top5_mean"]),
        shift=percent(measured["shift_top1_mean"]),
        shift_difference=points(shift_difference["mean"]) if shift_difference else "",
        fidelity=decimal(measured["aspect_fidelity_auc"]),
        seconds=duration(measured["seconds_mean"]),
    )
