"""The report of synthetic runs, read back as a browser would: text is what a person sees, markup what the page is."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mmkd_ray.errors import ArtifactError
from mmkd_ray.render.words import MISSING
from mmkd_ray.report import write_report
from mmkd_ray.report.summary import summarise_arms
from tests.support.narrow_pages import hidden_columns
from tests.support.report_run import Made, Plan, make

GAIN = {"ce": [20, 21, 19], "makd": [25, 26, 25]}
NOISE = {"ce": [20, 24, 19], "makd": [24, 20, 21]}
EVIL_CLASS = "<script>alert(1)</script>"
EVIL_QUESTION = 'Does the "bird\'s" beak & <b>head</b> {{ 7 * 7 }} match?'


class Page(HTMLParser):
    """Elements with their attributes, and the text outside style sheets."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: dict[str, list[str]] = {}
        self._open: list[str] = []
        self._texts: list[str] = []
        self._row: str | None = None
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self._texts).replace("\N{NO-BREAK SPACE}", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "tr":
            self._row = attributes.get("id")
            if self._row:
                self.rows[self._row] = []
        if tag in ("td", "th") and self._row:
            self.rows[self._row].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes another element"
        if tag == "tr":
            self._row = None

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            return
        self._texts.append(data)
        if self._row and self.rows[self._row]:
            self.rows[self._row][-1] += " ".join(data.split()) + " "


def report(made: Made) -> Page:
    path = write_report(made.config, made.run, made.summary, made.evaluation)
    page = Page(Path(path).read_text(encoding="utf-8"))
    assert not page._open, f"elements never closed: {page._open}"
    return page


@pytest.fixture(scope="module")
def gain(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("gain"), Plan(right=GAIN))


@pytest.fixture(scope="module")
def page(gain: Made) -> Page:
    return report(gain)


def test_is_written_into_the_run_folder(gain: Made) -> None:
    path = write_report(gain.config, gain.run, gain.summary, gain.evaluation)
    assert path == f"{gain.run.folder.uri}/report.html"
    assert gain.run.folder.exists("report.html")


def test_same_run_gives_the_same_bytes(gain: Made, page: Page) -> None:
    assert report(gain).html == page.html


def test_numbers_in_the_table_are_the_evaluations(gain: Made, page: Page) -> None:
    for arm, measured in summarise_arms(gain.evaluation.arms, gain.evaluation.of_task).items():
        _, seeds, top1, difference, top5, shift, fidelity = page.rows[f"arm-{arm}"]
        assert seeds.strip() == str(len(gain.evaluation.arms[arm].seeds))
        assert top1.split()[0] == f"{100 * measured['top1_mean']:.1f}"
        assert top1.split()[2] == f"{100 * measured['top1_std']:.1f}"
        assert top1.split()[3:8:2] == [f"{100 * value:.1f}" for value in measured["top1"]]
        over_images = measured["top1_over_images"]
        assert top1.split()[8:] == [
            "images:",
            f"{100 * over_images['low']:.1f}",
            "to",
            f"{100 * over_images['high']:.1f}",
        ]
        assert top5.split()[0] == f"{100 * measured['top5_mean']:.1f}"
        assert shift.split()[0] == f"{100 * measured['shift_top1_mean']:.1f}"
        assert fidelity.strip() == f"{measured['aspect_fidelity_auc']:.2f}"
        if expected := measured["difference"]:
            shown = re.findall(r"[+-][\d.]+", difference.replace("\N{MINUS SIGN}", "-"))
            over_images = expected["over_images"]
            numbers = [expected["mean"], expected["low"], expected["high"], over_images["low"], over_images["high"]]
            assert [float(number) for number in shown] == [round(100 * number, 1) for number in numbers]
            assert re.fullmatch(r"\S+ seeds: \S+ to \S+ images: \S+ to \S+", difference.strip())


def test_headline_says_the_numbers(page: Page) -> None:
    # 20, 21, 19 and 25, 26, 25 of 36; the differences 5, 5, 6 have a t interval of 5.33 +- 1.43 images.
    assert (
        "MaKD reaches 70.4 % against 55.6 % of cross-entropy alone on 36 test images: "
        "+14.8 points (95 % intervals +10.8 to +18.8 over 3 seeds, " in page.text
    )
    assert (
        "A gain beyond the noise of the seeds: the interval over them excludes 0. So does that over test images."
        in page.text
    )


def test_a_gain_that_other_images_may_not_show_is_not_called_one(tmp_path: Path) -> None:
    """The same numbers of images recognised, but each student recognises others."""
    text = report(make(tmp_path, Plan(right=GAIN, nested=False))).text
    assert "+14.8 points (95 % intervals +10.8 to +18.8 over 3 seeds, " in text
    assert "Within the noise of the test images" in text
    assert "The interval over seeds excludes 0, that over test images does not" in text
    assert "Beyond the noise" not in text


def test_each_interval_says_what_it_covers(page: Page) -> None:
    assert "It covers the randomness of training, not the choice of images" in page.text
    assert (
        "Bootstrap of the 36 test images, at 95 %, of the mean over seeds; a difference is paired image by image. "
        in page.text
    )
    assert "It covers the choice of images of the same kind, not the randomness of training." in page.text


def test_what_is_measured_over_its_own_classes_alone_is_said(gain: Made, page: Page) -> None:
    note = "the class is chosen among those that occur there"
    assert note not in page.text
    evaluate = gain.config.evaluate.model_copy(update={"restricted_splits": ("shift",)})
    restricted = replace(gain, config=gain.config.model_copy(update={"evaluate": evaluate}))
    assert f"shift: {note}" in report(restricted).text


def test_images_of_one_object_are_said_to_be_drawn_together(tmp_path: Path, gain: Made) -> None:
    made = make(tmp_path, Plan(right=GAIN, group_size=3))
    assert "Bootstrap of the 36 test images, object by object ( data.group ), at 95 %" in report(made).text
    by_object, by_image = (one.evaluation.arms["makd"].measure(one.evaluation.primary) for one in (made, gain))
    assert by_object.values == by_image.values
    assert by_object.over_images != by_image.over_images
    assert by_object.difference.over_images != by_image.difference.over_images


def test_the_machines_load_is_not_shown_as_an_arms_cost(page: Page) -> None:
    assert "Training each student" not in page.text
    assert "Time of each stage, on a machine as busy as it was" in page.text


def test_no_column_is_hidden_on_a_phone(page: Page) -> None:
    assert hidden_columns(page.html) == []
    assert hidden_columns(page.html.replace("stack", "")), "the check finds nothing"


def test_says_that_no_image_is_known_from_training(page: Page) -> None:
    assert "No image is in two splits or in two classes, byte for byte. Pictures that are only alike" in page.text
    assert "Mind that the test" not in page.text


def test_says_how_many_images_are_known_from_training(tmp_path: Path) -> None:
    made = make(tmp_path, Plan())
    record = made.run.images.record()
    duplicates = {"across_splits": 5, "across_classes": 1, "in_train": {"val": 0, "test": 4, "shift": 0}}
    made.run.images.write_json("record.json", {**record, "duplicates": duplicates, "in_train_by_group": {"test": 31}})
    text = report(made).text
    assert (
        "5 pictures are in more than one split, byte for byte (4 of 36 test images in train): results on them" in text
    )
    assert "1 picture is in more than one class, byte for byte: at most one of their labels can be right" in text
    assert "mages whose object is in train: 31 of 36 test images; results on them are no test" in text
    assert "Mind that the test is not free of what was trained on" in text
    assert "No image is in two splits" not in text


def test_noise_is_said_only_where_the_interval_includes_zero(tmp_path: Path, page: Page) -> None:
    noisy = report(make(tmp_path, Plan(right=NOISE, shift_sets=())))
    assert "the difference is within the noise of the seeds" in noisy.text
    assert "Beyond the noise" not in noisy.text
    assert "the difference is within the noise of the seeds" not in page.text
    assert "Within the noise" not in page.text


def test_significant_loss_is_called_one(tmp_path: Path) -> None:
    text = report(make(tmp_path, Plan(right={"ce": GAIN["makd"], "makd": GAIN["ce"]}))).text
    assert "A loss beyond the noise of the seeds" in text
    assert "gain beyond" not in text


def test_controls_that_do_as_well_are_said(tmp_path: Path) -> None:
    text = report(make(tmp_path, Plan(right={**GAIN, "random": [25, 25, 26], "shuffled": [20, 20, 20]}))).text
    assert "MaKD is not shown to be better than noise targets, so the gain need not come from what" in text
    assert "better than noise targets or shuffled" not in text


def test_controls_that_do_not_explain_a_gain_are_said(tmp_path: Path) -> None:
    text = report(make(tmp_path, Plan(right={**GAIN, "shuffled": [20, 20, 20]}))).text
    assert (
        "The controls do not explain it: MaKD is +14.8 points over shuffled answers (+10.8 to +18.8 over seeds)."
        in text
    )


def test_texts_from_data_are_escaped(tmp_path: Path) -> None:
    plan = Plan(
        classes=(EVIL_CLASS, 'a" onload="alert(2)', "x"),
        questions=(EVIL_QUESTION, "Is it </style><img src=y>?"),
        quarantined=(("/data/<i>.png", "bad & <u>broken</u>"),),
    )
    page = report(make(tmp_path, plan))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "b2", "iframe", "object", "link"}
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert all((a["src"] or "").startswith("data:image/") for tag, a in page.elements if tag == "img")
    for shown in (EVIL_CLASS, EVIL_QUESTION, "/data/<i>.png", "bad & <u>broken</u>", "Is it </style><img src=y>?"):
        assert shown in page.text
    assert 'a" onload="alert(2)' in [a["alt"] for tag, a in page.elements if tag == "img"]


def test_nothing_is_fetched(page: Page) -> None:
    assert "url(" not in page.html
    assert "@import" not in page.html
    assert not re.search(r"https?://", page.html)
    for tag, attributes in page.elements:
        assert attributes.get("href") in (None, "robustness.html")  # which lies beside it
        assert (attributes.get("src") or "data:").startswith("data:"), tag
    assert "default-src 'none'" in page.html


def test_shows_ledger_versions_times_and_configuration(gain: Made, page: Page) -> None:
    assert (
        "72 images \N{MULTIPLICATION SIGN} 3 questions = 216 answers expected: 216 present, 0 missing, 0 twice."
        in page.text
    )
    assert "Every image could be read." in page.text
    assert "vllm" not in gain.summary["versions"]
    assert "ray 2.60.0" in page.text
    assert "extract 1 min 15 s" in page.text
    assert "crop_scale:" in page.text


def test_shows_the_first_twenty_quarantined(tmp_path: Path) -> None:
    files = tuple((f"/data/{k:02d}.jpg", "the file is empty") for k in range(25))
    text = report(make(tmp_path, Plan(quarantined=files))).text
    assert "25 files could not be read" in text
    assert "/data/19.jpg" in text
    assert "/data/20.jpg" not in text


def test_one_seed_has_no_spread_and_no_interval(tmp_path: Path) -> None:
    page = report(make(tmp_path, Plan(right={"ce": [20], "makd": [25]})))
    assert page.rows["arm-makd"][2].split() == ["69.4", "±", MISSING, "images:", "52.8", "to", "83.3"]
    assert page.rows["arm-makd"][3].split() == ["+13.9", "seeds:", MISSING, "images:", "+2.8", "to", "+25.0"]
    assert "+13.9 points (one seed; 95 % interval +2.8 to +25.0 over the images)" in page.text
    assert "One seed gives no interval over seeds" in page.text


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ({"ce": [20, 21]}, "The study has no other arm to compare it with."),
        ({"makd": [20, 21], "random": [18, 18]}, "The study has no baseline arm 'ce'"),
    ],
)
def test_studies_without_a_comparison(tmp_path: Path, right: dict[str, list[int]], said: str) -> None:
    page = report(make(tmp_path, Plan(right=right)))
    assert said in page.text
    assert "Gain by class" not in page.text
    assert "Difference to the baseline" not in page.text


def test_missing_pieces_are_left_out(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(shift_sets=(), constant_teacher=True, answer_mass=False))
    for key in ("ledger", "versions", "seconds"):
        del made.summary[key]
    page = report(made)
    assert made.evaluation.arms["makd"].fidelity == (None, None, None)
    assert page.rows["arm-makd"][5].strip() == page.rows["arm-makd"][6].strip() == MISSING
    assert "3 questions cannot be ranked" in page.text
    assert "On the shift set" not in page.text
    assert "No ledger is known" in page.text


def test_many_classes_show_both_ends(tmp_path: Path) -> None:
    classes = tuple(f"{k:03d}.{'Long' * 20}" for k in range(200))
    right = {"ce": [150, 160], "makd": [170, 180]}
    page = report(make(tmp_path, Plan(classes=classes, right=right, images_per_class=1)))
    assert "170 classes in between are not drawn" in page.text


def test_large_images_stay_light(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(image_side=400, images_per_class=4, right={"ce": [6, 6], "makd": [7, 8]}))
    assert 20_000 < len(report(made).html) < 500_000


def test_needs_the_teacher_table(tmp_path: Path) -> None:
    made = make(tmp_path, Plan())
    made.run.teacher.delete()
    with pytest.raises(ArtifactError, match="mmkd extract"):
        write_report(made.config, made.run, made.summary, made.evaluation)
