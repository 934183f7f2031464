"""Numbers of a student beyond the metrics of its task: subgroups, agreement, errors under corruptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from mmkd_ray import schema
from mmkd_ray.evaluate.probes import CLEAN, PROBES
from mmkd_ray.metrics.agreement import agreement
from mmkd_ray.metrics.classification import roc_auc
from mmkd_ray.metrics.corruption import Errors, mean_corruption_error, relative_corruption_error
from mmkd_ray.metrics.selective import area_under_risk_coverage
from mmkd_ray.metrics.subgroups import Subgroups
from mmkd_ray.render.units import AUC, SCORE, SHARE
from mmkd_ray.tasks import Metric, Task

WORST_GROUP = Metric("worst_group", "worst group", SHARE, higher_is_better=True)
GROUP_MEAN = Metric("group_mean", "mean over groups", SHARE, higher_is_better=True)
GROUP_WEIGHTED = Metric("group_weighted_mean", "mean over groups as in training", SHARE, higher_is_better=True)
GROUP_GAP = Metric("group_gap", "gap between groups", SHARE, higher_is_better=False)
"""See `metrics/subgroups.py`; of the primary metric."""
AGREEMENT_AURC = Metric("agreement_aurc", "area under risk and coverage by agreement", SHARE, higher_is_better=False)
AGREEMENT_ERRORS = Metric("agreement_error_auc", "errors found by agreement", AUC, higher_is_better=True)
CONFIDENCE_ERRORS = Metric("confidence_error_auc", "errors found by confidence", AUC, higher_is_better=True)
AGREEMENT_SHIFT = Metric("agreement_shift_auc", "shifted images found by agreement", AUC, higher_is_better=True)
CONFIDENCE_SHIFT = Metric("confidence_shift_auc", "shifted images found by confidence", AUC, higher_is_better=True)
"""Agreement of the named class and the aspects (`metrics/agreement.py`) beside the highest probability: how well the
lack of each tells wrong from right test images, and images of a shift set from test images (area under ROC curve)."""
MCE = Metric("mce", "mean corruption error", SCORE, higher_is_better=False)
RELATIVE_MCE = Metric("relative_mce", "relative mean corruption error", SCORE, higher_is_better=False)
"""`metrics/corruption.py`; 1 is that of the baseline's student with the same seed."""
CORRUPTIONS = "corruptions"
"""In place of a probe: all corruptions together."""


@dataclass(frozen=True)
class Value:
    """One measured number; nan where it is not defined."""

    probe: str
    severity: float
    split: str
    metric: str
    value: float


def subgroup_values(found: Subgroups) -> dict[str, float]:
    """What is reported of subgroups, by the name of the metric."""
    values = {
        WORST_GROUP: found.worst, GROUP_MEAN: found.mean, GROUP_WEIGHTED: found.weighted_mean, GROUP_GAP: found.gap
    }  # fmt: skip
    return {metric.name: value for metric, value in values.items()}


def agreement_values(
    task: Task, clean: Mapping[str, pa.Table], class_answers_CQ: Float64[np.ndarray, "C Q"]
) -> list[Value]:
    """What agreement tells of test images and of shift sets, beside confidence.

    Args:
        task: of the student.
        clean: its predictions for clean images, by split.
        class_answers_CQ: see `metrics/agreement.py`.
    """
    named = {
        split: found
        for split, rows in clean.items()
        if split != "val" and (found := task.name_classes(rows)) is not None
    }
    if "test" not in named:
        return []
    agrees = {
        split: agreement(schema.matrix(clean[split]["aspect_logits"]), found.class_N, class_answers_CQ)
        for split, found in named.items()
    }
    test, agrees_N = named.pop("test"), agrees["test"]
    values = {
        ("test", AGREEMENT_AURC): area_under_risk_coverage(agrees_N, test.right_N),
        ("test", AGREEMENT_ERRORS): roc_auc(-agrees_N, ~test.right_N),
        ("test", CONFIDENCE_ERRORS): roc_auc(-test.confidence_N, ~test.right_N),
    }
    for split, shifted in named.items():
        is_shifted = np.repeat([False, True], [len(test.class_N), len(shifted.class_N)])
        both = np.concatenate([agrees_N, agrees[split]])
        values[split, AGREEMENT_SHIFT] = roc_auc(-both, is_shifted)
        confidences = np.concatenate([test.confidence_N, shifted.confidence_N])
        values[split, CONFIDENCE_SHIFT] = roc_auc(-confidences, is_shifted)
    return [Value(CLEAN.name, 0.0, split, metric.name, value) for (split, metric), value in values.items()]


def corruption_values(task: Task, values: Sequence[Value], baseline: Sequence[Value]) -> list[Value]:
    """MCE and relative mCE of a student; none where no corruptions were measured of both.

    Args:
        task: of both; its primary metric is a share of right ones.
        values: of the student.
        baseline: of the baseline's student with the same seed.
    """
    errors, clean = _errors(task, values)
    of_baseline, baseline_clean = _errors(task, baseline)
    if not errors or errors.keys() != of_baseline.keys():
        return []
    found = {
        MCE: mean_corruption_error(errors, of_baseline),
        RELATIVE_MCE: relative_corruption_error(errors, clean, of_baseline, baseline_clean),
    }
    return [Value(CORRUPTIONS, 0.0, "test", metric.name, value) for metric, value in found.items()]


def _errors(task: Task, values: Sequence[Value]) -> tuple[Errors, float]:
    """The errors on test images by corruption, and on clean ones."""
    errors: dict[str, list[float]] = {}
    clean = float("nan")
    for value in values:
        if (value.split, value.metric) != ("test", task.primary.name):
            continue
        if value.probe == CLEAN.name:
            clean = 1 - value.value
        elif PROBES[value.probe].kind == CORRUPTIONS:
            errors.setdefault(value.probe, []).append(1 - value.value)
    return {name: np.array(of_severities) for name, of_severities in errors.items()}, clean
