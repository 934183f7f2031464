"""The page about questions, made from stored answers and read back as a browser would."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from mmkd_ray.artifacts import open_run
from mmkd_ray.aspects.questions import PROPOSAL
from mmkd_ray.evidence.audit import Audit
from mmkd_ray.evidence.stage import score_aspects
from mmkd_ray.evidence.tables import AUDIT, SCORES
from mmkd_ray.report.evidence import EXAMPLES, ILLUSTRATED, write_page
from tests.support import stored_answers as stored
from tests.support.narrow_pages import hidden_columns
from tests.support.tables import image_row, write_image_table

QUESTIONS = ("Is it red?", "Is it blue?", "Is it a spaceship?")
EVIL_QUESTION = 'Is the "bird\'s" <script>alert(1)</script> & {{ 7 * 7 }} </style>?'
EVIL_CLASS = '"><img src=x onerror="alert(2)">'


class Page(HTMLParser):
    """Elements with their attributes, the text of each section, and rows of the table."""

    VOID = frozenset({"meta"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self._open: list[str] = []
        self._section = ""
        self.feed(html)
        self.close()
        assert not self._open

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "section":
            self._section = dict(attrs)["id"]

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.sections[self._section] = self.sections.get(self._section, "") + data


def picture(rng, side):
    """A photograph's statistics, roughly: large shapes and a little noise."""
    coarse = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).resize((side, side))
    pixels = np.asarray(coarse, dtype=np.int16) + rng.integers(-20, 21, (side, side, 3), dtype=np.int16)
    stream = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def scored(root: Path, questions=QUESTIONS, classes=stored.CLASSES, *, images=40, side=16, p_yes=None):
    """A run with scored questions."""
    rng = np.random.default_rng(0)
    config = stored.config_for(root, questions)
    run = open_run(config.storage.path, config.name)
    rows = [
        image_row(f"train/{n:03d}.png", picture(rng, side), label=n % 2, class_name=classes[n % 2], split="train")
        for n in range(images)
    ]
    write_image_table(config, run, rows, classes)
    if p_yes is None:
        p_yes = rng.uniform(0.02, 0.98, (images, len(questions)))
        p_yes[:, 0] = np.where(np.arange(images) % 2, p_yes[:, 0] / 3, 1 - p_yes[:, 0] / 3)
        p_yes[:, -1] = 0.01
    stored.write_teacher(config, run, rows, questions, p_yes)
    return config, run, score_aspects(config, run, lambda *_: None)


def page_of(config, run):
    return Page(Path(write_page(config, run)).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return scored(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(made):
    config, run, _ = made
    return page_of(config, run)


def test_it_is_written_beside_the_evidence_and_always_the_same(made, page):
    config, run, _ = made
    assert write_page(config, run) == f"{run.evidence.uri}/questions.html"
    assert page_of(config, run).html == page.html


def assert_self_contained(page):
    assert not re.search(r"https?://", page.html)
    assert "@import" not in page.html
    assert "url(" not in page.html
    for _, attributes in page.elements:
        assert "src" not in attributes
        assert re.match(r"data:image/|#", attributes.get("href") or "#")
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy


def test_nothing_is_fetched(page):
    assert_self_contained(page)


def test_each_question_is_once_in_the_table_with_what_it_is_sorted_by(made, page):
    _, _, scores = made
    rows = [attributes for attributes in page.all("tr") if "data-rank" in attributes]
    assert [row["data-question"] for row in rows] == [one.question for one in scores]
    for row, one in zip(rows, scores, strict=True):
        assert int(row["data-rank"]) == one.rank
        assert float(row["data-mean"]) == one.mean
        assert float(row["data-information"]) == one.information
        assert float(row["data-redundancy"]) == one.redundancy
        # Imported answers: neither was measured.
        assert row["data-mass"] == row["data-tokens"] == row["data-reworded"] == row["data-flipped"] == "-1"
        for numeric in ("rank", "mean", "information", "redundancy", "reworded", "flipped", "mass", "tokens"):
            float(row[f"data-{numeric}"])
    keys = [button["data-key"] for button in page.all("button")]
    assert len(keys) == 9
    assert all(f"data-{key}" in row for key in keys for row in rows)


def test_no_column_is_hidden_on_a_phone(tmp_path, page):
    assert hidden_columns(page.html) == []
    config, run, _ = scored(tmp_path)
    write_audit(run)
    assert hidden_columns(page_of(config, run).html) == []


def write_audit(run):
    audits = [Audit("Is it red?", 40, 0.25, 0.875, None, 0.12, 0.1, 0.3)]
    run.evidence.write_table(AUDIT, pa.Table.from_pylist([one.as_dict() for one in audits]))


def test_reasons_and_verdicts_are_shown(made, page):
    _, _, scores = made
    for one in scores:
        assert one.reason in page.sections["scores"]
    dead = page.sections["scores"].index("every image gets No")
    assert page.sections["scores"].index("Is it a spaceship?") < dead
    header = " ".join(page.sections[""].split())
    assert "40 training images of 2 classes" in header
    assert "1 dead" in header


def test_distributions_show_where_the_answers_lie(tmp_path):
    """One image of 40 at 1 is still seen; nothing is drawn where nothing is."""
    p_yes = np.full((40, 1), 0.05)
    p_yes[0] = 0.99
    config, run, _ = scored(tmp_path, QUESTIONS[:1], p_yes=p_yes)
    page = page_of(config, run)
    bars = [rect for rect in page.all("rect") if rect.get("width") == "7.3"]
    assert [float(bar["x"]) for bar in bars] == pytest.approx([0, 100 * 11 / 12])
    assert [float(bar["height"]) for bar in bars] == pytest.approx([100, 100 / np.sqrt(39)], abs=0.1)


def test_the_matrix_has_a_cell_for_every_two_questions_that_repeat_each_other(tmp_path):
    same = np.linspace(0.1, 0.9, 40)
    other = np.where(np.arange(40) % 4 < 2, 0.9, 0.1)
    config, run, scores = scored(tmp_path, p_yes=np.stack([same, 1 - same, other], axis=1))
    page = page_of(config, run)
    cells = [rect for rect in page.all("rect") if rect.get("class") in ("same", "opposite")]
    correlations = np.corrcoef(np.stack([same, 1 - same, other]))
    place = {one.question: one.rank - 1 for one in scores}
    expected = {}
    for a in range(3):
        for b in range(a):
            if abs(correlations[a, b]) >= 0.1:
                row, column = sorted((place[QUESTIONS[a]], place[QUESTIONS[b]]), reverse=True)
                expected[row, column] = ("same" if correlations[a, b] > 0 else "opposite", abs(correlations[a, b]))
    found = {(int(c["y"]), int(c["x"])): (c["class"], float(c["fill-opacity"])) for c in cells}
    assert found.keys() == expected.keys()
    assert len(found) >= 1
    for key, (kind, strength) in expected.items():
        assert found[key] == (kind, pytest.approx(strength, abs=0.006))
    assert "-1.00" in page.sections["redundancy"]


def test_examples_are_the_images_with_the_highest_and_lowest_answers(made, page):
    _, run, scores = made
    pilot = run.evidence.read_table("pilot.parquet")
    p_NQ = np.stack(pilot["p_yes"].to_numpy())
    captions = [float(text) for text in re.findall(r"<figcaption>([\d.]+)</figcaption>", page.html)]
    for q in range(len(scores)):
        shown = captions[2 * EXAMPLES * q : 2 * EXAMPLES * (q + 1)]
        ordered = np.sort(p_NQ[:, q])[::-1]
        assert shown == pytest.approx([*ordered[:EXAMPLES], *ordered[-EXAMPLES:]], abs=0.0051)


def test_each_picture_is_embedded_once_and_every_use_has_its_picture(page):
    pictures = page.all("image")
    uses = [use["href"] for use in page.all("use")]
    assert len(uses) == 2 * EXAMPLES * len(QUESTIONS)
    assert {f"#{picture['id']}" for picture in pictures} == set(uses)
    assert len({picture["href"] for picture in pictures}) == len(pictures) < len(uses)
    # A name stands with the picture that it is the name of.
    titles = re.findall(r"<title>\w+ \(train/(\d+)\.png\)</title><use href=\"#(p\d+)\"", page.html)
    assert len(titles) == len(uses)
    assert len(set(titles)) == len(pictures)


def test_an_audit_is_shown_where_there_is_one(tmp_path, made, page):
    assert "audit" not in page.sections
    config, run, _ = scored(tmp_path)
    write_audit(run)
    text = " ".join(page_of(config, run).sections["audit"].split())
    assert "Is it red?87.5 %\N{EN DASH}0.120.1025.0 %40" in text


def test_rejected_questions_are_shown_with_the_reason(tmp_path, page):
    assert "rejected" not in page.sections
    config, run, _ = scored(tmp_path)
    rejected = [{"question": EVIL_QUESTION, "reason": "is no <b>question</b>"}]
    run.aspects.write_json(PROPOSAL, {"accepted": [], "rejected": rejected})
    text = page_of(config, run).sections["rejected"]
    assert EVIL_QUESTION in text
    assert "is no <b>question</b>" in text
    run.aspects.write_json(PROPOSAL, {"accepted": list(QUESTIONS), "rejected": []})
    assert "rejected" not in page_of(config, run).sections


def test_texts_from_data_are_escaped(tmp_path):
    config, run, _ = scored(tmp_path, (EVIL_QUESTION, *QUESTIONS), (EVIL_CLASS, "owl"))
    page = page_of(config, run)
    assert_self_contained(page)
    assert len(page.all("script")) == 1
    assert len(page.all("style")) == 1
    assert not page.all("img")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert EVIL_QUESTION in [row.get("data-question") for row in page.all("tr")]
    for section in ("scores", "examples"):
        assert EVIL_QUESTION in page.sections[section]
    assert any(EVIL_CLASS in (svg.get("aria-label") or "") for svg in page.all("svg"))


def test_many_questions_about_large_images_stay_light(tmp_path):
    questions = [f"Is it as it is said in sentence {number}?" for number in range(ILLUSTRATED + 5)]
    config, run, scores = scored(tmp_path, questions, images=240, side=150)
    page = page_of(config, run)
    assert len(page.all("image")) > 200
    assert len(page.html) < 3_000_000
    first = f"for the first {ILLUSTRATED} questions"
    assert first in page.sections["examples"]
    assert scores[ILLUSTRATED - 1].question in page.sections["examples"]
    assert scores[ILLUSTRATED].question not in page.sections["examples"]


def test_images_that_are_kept_as_they_are_are_shown_for_fewer_questions(tmp_path):
    """Up to 96 pixels they are not scaled, and no JPEG: of these, not all fit."""
    questions = [f"Is it as it is said in sentence {number}?" for number in range(40)]
    config, run, scores = scored(tmp_path, questions, images=160, side=90)
    page = page_of(config, run)
    assert 1_000_000 < len(page.html) < 2_500_000
    shown = len(page.all("use")) // (2 * EXAMPLES)
    assert 5 < shown < 40
    assert f"for the first {shown} questions" in page.sections["examples"]
    assert scores[shown - 1].question in page.sections["examples"]
    assert scores[shown].question not in page.sections["examples"]
    assert {use["href"] for use in page.all("use")} <= {f"#{picture['id']}" for picture in page.all("image")}


def test_one_question_and_few_images_are_enough(tmp_path):
    config, run, _ = scored(tmp_path, QUESTIONS[:1], images=4, p_yes=np.array([[0.9], [0.1], [0.8], [0.2]]))
    page = page_of(config, run)
    assert len(page.all("image")) == 4
    assert run.evidence.read_table(SCORES).num_rows == 1
