"""The page about robustness: the arms on other images, group by group, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmkd_ray.artifacts import Run
from mmkd_ray.config import BASELINE, Config
from mmkd_ray.evaluate.evaluation import Evaluation
from mmkd_ray.render import words
from mmkd_ray.report.clean_test import clean_test_predictions, group_chart, reliability_chart
from mmkd_ray.report.colours import colour
from mmkd_ray.report.contact_sheets import Sheet
from mmkd_ray.report.families import columns_of, families_of, kinds_to_add
from mmkd_ray.report.headline import focus_arm
from mmkd_ray.report.measures import measure_table
from mmkd_ray.report.rendering import environment

PAGE = "robustness.html"


def write_page(config: Config, run: Run, evaluation: Evaluation, sheets: Sequence[Sheet]) -> str:
    """Write `robustness.html` into the run's folder: one file that needs nothing else, of what was measured alone.

    Args:
        config: the run's configuration.
        run: with the predictions of its students.
        evaluation: what `evaluation.json` holds.
        sheets: pictures of what the probes do (`looks.py`).

    Returns:
        Where the file is.

    Raises:
        ArtifactError: predictions or images are not there any more.
    """
    page = environment().get_template("robustness.html.j2").render(gather(config, run, evaluation), sheets=sheets)
    run.folder.write_bytes(PAGE, page.encode())
    return f"{run.folder.uri.rstrip('/')}/{PAGE}"


def gather(config: Config, run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """All that the template shows, by name."""
    predictions = clean_test_predictions(config, run, evaluation)
    return {
        "config": config,
        "evaluation": evaluation,
        "arm": focus_arm(evaluation),
        "baseline": BASELINE,
        "metric": evaluation.primary,
        "table": measure_table(columns_of(evaluation), confidence=evaluation.confidence),
        "families": families_of(evaluation),
        "groups": group_chart(config, run, evaluation, predictions),
        "reliability": reliability_chart(predictions),
        "to_add": kinds_to_add(evaluation),
        "words": words,
        "colour": colour,
    }
