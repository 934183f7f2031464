"""Questions scored by the real teacher on a pilot: what was planted to be bad comes last, whoever planted it."""

from __future__ import annotations

import pytest
import yaml

from mmkd_ray import fieldguide
from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.reading import overview
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.artifacts import open_run
from mmkd_ray.aspects.questions import FILE, load_aspects, parse_aspects
from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.evidence.stage import audit_teacher, score_aspects, select_aspects
from mmkd_ray.evidence.tables import PILOT, SCORES
from mmkd_ray.report.evidence import write_page
from tests.support.cells import wanted_of

GOOD = [question for question in fieldguide.QUESTIONS if question.topic in ("shape", "marking")][::2]
TWINS = {question.text: question.held_out for question in GOOD[:2]}
"""A question: the same in a wording that the teacher has never seen."""
DEAD = ["Is this a photo of a spaceship?", "Was this picture taken on a Tuesday?"]
UNANSWERABLE = {
    "Is the owner of the house rich?": "Would you say that whoever owns the house has a lot of money?",
    "Does the bird like jazz music?": "Is this a bird that enjoys listening to jazz?",
    "Is the engine running?": "Would you say that the engine is on?",
}
"""What no picture shows, and another wording of it."""
IMAGES = 120


@pytest.fixture(scope="module")
def scored(ray_cluster, tmp_path_factory):
    root = tmp_path_factory.mktemp("evidence")
    # The bad ones first: an order that is only kept would not pass.
    entries = [
        *DEAD,
        *({"question": text, "paraphrase": other} for text, other in UNANSWERABLE.items()),
        *TWINS.values(),
        *({"question": question.text, "paraphrase": question.paraphrases[0]} for question in GOOD),
        {"question": "Is the bird facing left?", "orientation_sensitive": True},
    ]
    path = root / "questions.yaml"
    path.write_text("# by hand\n" + yaml.safe_dump(entries, sort_keys=False))
    config = validate(
        {
            "name": "t",
            "data": {"source": "fieldguide", "train_per_class": 10, "val_per_class": 1, "test_per_class": 1},
            "aspects": {"source": "file", "path": str(path), "select": "mrmr"},
            "teacher": {"prompt": "{question}", "dtype": "float32"},
            "pilot": {"images": IMAGES},
            "extract": {"batch_size": 30},
            "storage": {"path": str(root / "runs")},
        }
    )
    run = open_run(config.storage.path, config.name)
    build_image_table(config, run, lambda *_: None)
    record = select_aspects(config, run, lambda *_: None)
    return config, run, record


@pytest.fixture(scope="module")
def rows(scored):
    _, run, _ = scored
    return {row["question"]: row for row in run.evidence.read_table(SCORES).to_pylist()}


def test_every_good_question_comes_before_every_bad_one(rows):
    good = [rows[question.text]["rank"] for question in GOOD if question.text not in TWINS]
    bad = [rows[text]["rank"] for text in [*DEAD, *UNANSWERABLE]]
    assert max(good) < min(bad)


def test_dead_and_unanswerable_questions_are_named_with_the_reason(rows):
    for text in DEAD:
        assert rows[text]["verdict"] == "dead", rows[text]
        assert "every image gets No" in rows[text]["reason"]
    for text in UNANSWERABLE:
        assert rows[text]["verdict"] in ("unstable", "uninformative", "dead"), rows[text]
        assert rows[text]["reason"]


def test_of_two_wordings_one_is_redundant_and_ranked_after_all_good_ones(rows):
    for text, other in TWINS.items():
        worse = max((rows[text], rows[other]), key=lambda row: row["rank"])
        better = text if worse["question"] == other else other
        assert (worse["verdict"], worse["redundant_with"]) == ("redundant", better)
        assert worse["rank"] > max(row["rank"] for row in rows.values() if row["verdict"] == "good")


def test_a_flip_shows_which_questions_know_left_from_right(rows):
    assert rows["Is the bird facing left?"]["flipped_change"] > 0.8
    assert max(rows[question.text]["flipped_change"] for question in GOOD) < 0.2


def test_the_file_has_the_new_order_and_keeps_what_was_written(scored, rows):
    config, run, record = scored
    text = run.aspects.read_bytes(FILE).decode()
    assert text.startswith("# by hand\n")
    order = sorted(rows, key=lambda question: rows[question]["rank"])
    assert [aspect.question for aspect in parse_aspects(yaml.safe_load(text), "it")] == order
    assert [aspect.question for aspect in load_aspects(config, run)] == order
    assert record["selected"] == len(order)


def test_again_is_free_and_the_same(scored):
    config, run, record = scored
    before = run.evidence.read_bytes(SCORES)
    assert select_aspects(config, run, lambda *_: None) == record
    # The answers are there: no engine is loaded, and the scores are the same to the bit.
    asked = []
    score_aspects(config, run, lambda *_: asked.append(1))
    assert not asked
    assert run.evidence.read_bytes(SCORES) == before


def test_an_extraction_after_the_pilot_has_its_answers_already(scored):
    config, run, _ = scored
    pilot = run.evidence.read_table(PILOT)["image_id"].to_pylist()
    images = run.images.child("table", "train").read_table(columns=["image_id", "sha256"]).to_pylist()
    assert len(pilot) == IMAGES
    wanted = wanted_of(
        {row["image_id"]: row["sha256"] for row in images if row["image_id"] in pilot}, [q.text for q in GOOD]
    )
    assert overview(AnswerStore(run, teacher_identity(config.teacher)), wanted).present_NQ.all()


def test_the_audit_knows_how_often_the_teacher_is_right(scored):
    config, run, _ = scored
    audits = {row["question"]: row for row in audit_teacher(config, run, lambda *_: None).to_pylist()}
    assert audits.keys() >= {question.text for question in GOOD} | set(TWINS.values())
    assert not audits.keys() & {*DEAD, *UNANSWERABLE}
    assert min(audits[question.text]["accuracy"] for question in GOOD) > 0.9
    assert all(audits[question.text]["auc"] > 0.95 for question in GOOD)
    assert audits["Is the bird facing left?"]["images"] == IMAGES


def test_the_page_is_written(scored):
    config, run, _ = scored
    page = write_page(config, run)
    text = run.evidence.read_bytes(page.rpartition("/")[2]).decode()
    assert all(question.text in text for question in GOOD)
    assert "How often the teacher is right" in text
