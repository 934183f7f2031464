import pytest
import yaml

from mmkd_ray import fieldguide
from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.wanted import wanted_cells
from mmkd_ray.config import VllmTeacher, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.errors import ConfigError, TeacherError
from mmkd_ray.extract.cost import Tokens, count_tokens, describe_cost, question_tokens
from mmkd_ray.extract.engines.no_inference import NoInferenceEngine

QUESTIONS = ["Does the bird have a crest?", "Is the bird flying?"]


@pytest.fixture
def planned(run, tmp_path):
    """A run of 72 images with a question answered about a third of them."""
    questions = tmp_path / "q.yaml"
    questions.write_text(yaml.safe_dump(QUESTIONS))
    config = validate(
        {
            "name": "t",
            "data": {"source": "fieldguide", "train_per_class": 2, "val_per_class": 1, "test_per_class": 1,
                     "shift_per_class": 1},
            "aspects": {"source": "file", "path": str(questions)},
            "teacher": {"prompt": "{question}"},
            "extract": {"actors": 2},
        }
    )  # fmt: skip
    build_image_table(config, run, lambda *_: None)
    store = AnswerStore(run, teacher_identity(config.teacher))
    store.begin()
    wanted = wanted_cells(run, QUESTIONS[:1])
    ids, shas = wanted.image_ids[:24], wanted.images["sha256"].to_pylist()[:24]
    png = next(iter(fieldguide.images(species_seed=0, seed=0, per_class={"train": 1}))).png
    answered: Answers = NoInferenceEngine().answer([png] * 24, QUESTIONS[:1])
    store.write(store.name(ids, shas, wanted.queries), ids, shas, wanted.queries, answered)
    return config, run, store


def test_the_estimate_counts_stored_and_missing_answers(planned):
    config, run, _ = planned
    lines = describe_cost(config, run, answers_per_second=100)
    assert "images    72 (train and val), 72 of them with something to ask" in lines
    assert "cells     144 wanted, 24 present, 120 to ask" in lines
    assert lines[-1].startswith("time      0.000 core-hours; 0.000 h on 2 engines at 100 answers/s each (as given)")


def test_without_a_rate_the_estimate_says_how_to_get_one_and_a_measured_one_is_used(planned):
    config, run, store = planned
    assert "unknown: give --answers-per-second" in describe_cost(config, run)[-1]
    store.folder.write_json("speed.json", {"answers_per_second": 0.01})
    assert (
        "3.333 core-hours; 1.667 h on 2 engines at 0 answers/s each (as measured here)"
        in describe_cost(config, run)[-1]
    )


def test_imported_answers_have_no_cost(planned):
    config, run, _ = planned
    imported = validate({**config.model_dump(mode="json"), "teacher": {"kind": "imported", "name": "x"}})
    with pytest.raises(ConfigError, match="nothing is asked"):
        describe_cost(imported, run)


def test_tokens_are_counted_with_the_checkpoints_processor():
    """The role, 16 image tokens between two others, the question, the role that answers."""
    png = next(iter(fieldguide.images(species_seed=0, seed=0, per_class={"train": 1}))).png
    tokens = count_tokens(VllmTeacher(prompt="{question}"), [png], (QUESTIONS[1],))
    assert tokens.shared == 1 + 1 + 16 + 1
    assert 3 <= tokens.question <= 8


def test_answers_that_are_no_single_tokens_are_found_before_anything_is_asked():
    with pytest.raises(TeacherError, match=r"'No, never' is \d+ tokens in the teacher's tokenizer, not one"):
        count_tokens(VllmTeacher(prompt="{question}", no_token="No, never"), [], (QUESTIONS[1],))


def test_the_tokens_of_a_question_are_all_tokens_after_the_image():
    teacher = VllmTeacher(prompt="{question}")
    png = next(iter(fieldguide.images(species_seed=0, seed=0, per_class={"train": 1}))).png
    tokens = question_tokens(teacher, [*QUESTIONS, "Is the bird flying or swimming?"])
    assert list(tokens) == [*QUESTIONS, "Is the bird flying or swimming?"]
    assert tokens["Is the bird flying or swimming?"] > tokens[QUESTIONS[1]]
    for question in QUESTIONS:
        assert tokens[question] == count_tokens(teacher, [png], (question,)).question
    around = question_tokens(VllmTeacher(prompt="Look: {question} Yes or No?"), QUESTIONS)
    assert all(around[question] > tokens[question] for question in QUESTIONS)


def test_tokens_saved_by_sharing():
    tokens = Tokens(shared=256, question=25)
    assert tokens.least(50) == 256 + 50 * 25
    assert tokens.one_by_one(50) / tokens.least(50) == pytest.approx(9.3, abs=0.05)
