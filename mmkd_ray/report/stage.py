"""The report stage: gathers what a run left on storage and renders one HTML file."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mmkd_ray.answers.table import TeacherTable, read_teacher_table
from mmkd_ray.answers.teacher import describe_teacher
from mmkd_ray.artifacts import Run
from mmkd_ray.config import BASELINE, Config, to_yaml
from mmkd_ray.data.leaks import leak_lines
from mmkd_ray.data.table import read_splits
from mmkd_ray.evaluate.evaluation import Evaluation
from mmkd_ray.render import words
from mmkd_ray.render.charts.gains import GainChart
from mmkd_ray.report.charts import gain_chart, interval_chart, learning_curves
from mmkd_ray.report.colours import colour
from mmkd_ray.report.gallery import gallery
from mmkd_ray.report.headline import focus_arm, headline
from mmkd_ray.report.questions import question_chart
from mmkd_ray.report.rendering import environment
from mmkd_ray.report.results import result_rows

REPORT = "report.html"
MAX_QUARANTINED = 20
"""Files that could not be read are named up to this number."""


def write_report(config: Config, run: Run, summary: dict[str, Any], evaluation: Evaluation) -> str:
    """Write `report.html` into the run's folder: one file that needs nothing else.

    Args:
        config: the run's configuration.
        run: with its image table and its teacher table finished.
        summary: `name`; and where they are known `ledger`, `seconds` (by stage), `versions`, `answer_mass` (mean by
            question).
        evaluation: what `evaluation.json` holds.

    Returns:
        Where the file is.

    Raises:
        ArtifactError: the images have not been read or the teacher has not been asked.
    """
    html = render(gather(config, run, summary, evaluation))
    run.folder.write_bytes(REPORT, html.encode())
    return f"{run.folder.uri.rstrip('/')}/{REPORT}"


def render(page: dict[str, Any]) -> str:
    """The page as HTML."""
    return environment().get_template("report.html.j2").render(page, words=words, colour=colour)


def gather(config: Config, run: Run, summary: dict[str, Any], evaluation: Evaluation) -> dict[str, Any]:
    """All that the template shows, by name."""
    teacher = read_teacher_table(run, list(evaluation.questions))
    arms, arm, metric = evaluation.arms, focus_arm(evaluation), evaluation.primary
    tests = {name: test for name, results in arms.items() if (test := results.measure(metric))}
    differences = {name: test.difference for name, test in tests.items() if test.difference}
    return {
        "config": config,
        "teacher_name": describe_teacher(config.teacher),
        "summary": summary,
        "evaluation": evaluation,
        "arm": arm,
        "baseline": BASELINE,
        "metric": metric,
        "headline": headline(evaluation),
        "rows": result_rows(arms, evaluation.of_task),
        "variants": {name: result_rows(of, evaluation.of_task) for name, of in evaluation.named_variants.items()},
        "differences": differences,
        "intervals": interval_chart(differences, metric.unit),
        "curves": learning_curves({name: results.history for name, results in arms.items()}, metric),
        "gains": _gains(evaluation, arm),
        "test_images_by_class": _test_images_by_class(run),
        "questions": question_chart(evaluation, teacher, summary.get("answer_mass") or {}, order_by=arm),
        "samples": gallery(run, teacher),
        "asked_images": len(teacher.image_ids),
        "quarantine": _quarantine(run),
        "max_quarantined": MAX_QUARANTINED,
        "config_yaml": to_yaml(config),
        "leaks": leak_lines(run.require(run.images, "images"), run.images),
        "has_groups": bool(config.data.objects),
        "has_image_intervals": any(test.over_images for test in tests.values()),
        **_least_mass(teacher),
    }


def _gains(evaluation: Evaluation, arm: str) -> GainChart | None:
    arms = evaluation.arms
    if BASELINE not in arms or arm == BASELINE:
        return None
    return gain_chart(evaluation.classes, arms[BASELINE].by_class, arms[arm].by_class, evaluation.primary)


def _test_images_by_class(run: Run) -> tuple[int, int]:
    """Fewest and most test images of a class that has any."""
    counts = Counter(read_splits(run, ["test"], columns=["label"])["label"].to_pylist()).values()
    return min(counts, default=0), max(counts, default=0)


def _quarantine(run: Run) -> list[dict[str, str]]:
    if not run.images.exists("quarantine.parquet"):
        return []
    return run.images.read_table("quarantine.parquet").to_pylist()


def _least_mass(teacher: TeacherTable) -> dict[str, Any]:
    """The lowest answer mass that any single cell has."""
    return {"least_mass": float(teacher.mass_NQ.min()) if teacher.mass_NQ.size else None}
