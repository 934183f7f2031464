"""The page about robustness: what was measured, as text and as curves, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mmkd_ray.config import FieldGuideData
from mmkd_ray.evaluate.evaluation import Evaluation, Measure
from mmkd_ray.metrics.statistics import paired_difference
from mmkd_ray.report.clean_test import clean_test_predictions, group_chart
from mmkd_ray.report.contact_sheets import Sheet, SheetRow, strip
from mmkd_ray.report.families import families_of
from mmkd_ray.report.robustness import write_page
from tests.support.narrow_pages import hidden_columns
from tests.support.report_run import Made, Plan, make
from tests.unit.report.test_stage import Page

EVIL = "<b>all</b> & {{ 7 * 7 }}"
MINUS = "\N{MINUS SIGN}"
ROW = SheetRow("fog", strip([np.zeros((8, 8, 3), np.uint8)] * 2))
SHEET = Sheet("looks", "How it looks", f"The image {EVIL}.", ("clean", "1"), [ROW])
PROBES = {"fog": (1, 2, 3), "contrast": (1, 2, 3)}


def with_probes(evaluation: Evaluation) -> Evaluation:
    """As if the students had been looked at by probes: an arm's accuracy falls with the severity."""
    arms, seeds = evaluation.arms, 3
    values = {
        (arm, probe, severity): np.linspace(0.6, 0.62 + 0.01 * number, seeds) - 0.05 * place - 0.02 * number
        for number, arm in enumerate(arms)
        for probe, severities in PROBES.items()
        for place, severity in enumerate(severities)
    }
    measured = {
        arm: tuple(
            Measure(
                probe=probe,
                severity=severity,
                split="test",
                metric="top1",
                values=tuple(of_arm),
                difference=paired_difference(of_arm, values["ce", probe, severity], confidence=0.95),
            )
            for (owner, probe, severity), of_arm in values.items()
            if owner == arm
        )
        for arm in arms
    }
    changed = {
        arm: results.model_copy(update={"measures": results.measures + measured[arm]}) for arm, results in arms.items()
    }
    return evaluation.model_copy(update={"variants": {"": changed}})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("robust"), Plan())


def page(made: Made, evaluation: Evaluation) -> Page:
    written = Page(Path(write_page(made.config, made.run, evaluation, [SHEET])).read_text(encoding="utf-8"))
    assert not written._open
    return written


@pytest.fixture(scope="module")
def whole(made: Made) -> Page:
    return page(made, with_probes(made.evaluation))


@pytest.fixture(scope="module")
def clean(made: Made) -> Page:
    return page(made, made.evaluation)


def test_the_table_has_a_column_for_each_kind_of_probe_and_an_interval_below_each_difference(whole: Page):
    assert [text.strip() for text in whole.rows["images-ce"]] == ["ce", "55.6", "50.0", "56.0"]
    clean, _, corrupted = whole.rows["images-makd"][1:]
    assert corrupted.startswith(f"54.5 {MINUS}1.5")
    assert re.search(r"\+\d+\.\d to \+\d+\.\d", clean)
    assert f"The image {EVIL}." in whole.text
    assert "would exclude 0 by chance" in whole.text


def test_curves_begin_with_the_clean_images_and_each_corruption_has_one(made: Made):
    (corruptions,) = families_of(with_probes(made.evaluation))
    assert [tick.label for tick in corruptions.mean.x_ticks] == ["0", "1", "2", "3"]
    assert set(corruptions.each) == {"fog", "contrast"}
    heights = [float(point.split(",")[1]) for point in corruptions.mean.curves[0].line.split()]
    assert heights[1:] == sorted(heights[1:])


def test_a_run_of_clean_images_alone_shows_calibration_and_the_shift_set(clean: Page):
    ids = [attributes.get("id") for tag, attributes in clean.elements if tag == "section"]
    assert ids == ["images", "trust", "aspects", "reliability", "looks", "reading"]
    assert [text.strip() for text in clean.rows["images-ce"][:3]] == ["ce", "55.6", "50.0"]


def test_the_page_needs_nothing_else_runs_no_script_and_is_read_on_a_phone(whole: Page, clean: Page):
    for one in (whole, clean):
        assert not hidden_columns(one.html)
        assert not [tag for tag, _ in one.elements if tag in ("script", "link")]
        places = [
            value for _, attributes in one.elements for key, value in attributes.items() if key in ("href", "src")
        ]
        assert all(value == "report.html" or str(value).startswith("data:") for value in places)


def test_each_group_of_the_test_images_has_a_row(tmp_path):
    made = make(tmp_path, Plan(group_size=6))
    predictions = clean_test_predictions(made.config, made.run, made.evaluation)
    assert group_chart(made.config, made.run, made.evaluation, predictions) is None  # objects, not subgroups
    data = FieldGuideData(source="fieldguide", spurious=True)
    chart = group_chart(made.config.model_copy(update={"data": data}), made.run, made.evaluation, predictions)
    assert chart
    assert sorted(row.group for row in chart.rows) == [
        f"test {name} {number}" for name in sorted(made.evaluation.classes) for number in (0, 1)
    ]
    means = {arm: np.mean([float(row.text[arm]) for row in chart.rows]) for arm in ("ce", "makd")}
    assert means == pytest.approx({"ce": 100 * 20 / 36, "makd": 100 * 76 / 108}, abs=0.1)


def test_every_variant_stands_in_the_table_and_the_first_is_what_the_rest_is_about(made: Made):
    arms = made.evaluation.arms
    found = page(made, made.evaluation.model_copy(update={"variants": {EVIL: arms, "few": arms}}))
    assert {f"images-{EVIL}ce", f"images-{EVIL}makd", "images-fewce", "images-fewmakd"} <= set(found.rows)
    assert f"All that follows is about the first variant, {EVIL}" in found.text
