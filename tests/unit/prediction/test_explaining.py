import numpy as np
import pytest

from mmkd_ray.errors import ArtifactError
from mmkd_ray.metrics.agreement import log_odds
from mmkd_ray.prediction.explaining import explain
from mmkd_ray.students.bundle import Prediction, load_bundle
from tests.support.toy_bundle import ANSWERS, CLASSES, QUESTIONS, untrained_bundle


@pytest.fixture
def card(tmp_path):
    return load_bundle(untrained_bundle(tmp_path)).card


def said(class_logits, aspect_logits):
    classes, aspects = np.array(class_logits, np.float32), np.array(aspect_logits, np.float32)
    shares = np.exp(classes) / np.exp(classes).sum(axis=1, keepdims=True)
    return Prediction(CLASSES, classes, shares, QUESTIONS, aspects, 1 / (1 + np.exp(-aspects)))


def test_what_is_seen_speaks_for_the_class_or_for_the_runner_up(card):
    """Surely red, and surely not green: both for red against green."""
    (found,) = explain(card, said([[3, 2, 0]], [[50, -50]]))
    assert (found.named, found.runner_up, found.fits_best, found.warning) == ("red", "green", "red", None)
    assert [one.question for one in found.speaks_for] == ["Is it red?", "Is it green?"]
    assert found.speaks_against == ()
    first = found.speaks_for[0]
    assert first.log_odds == pytest.approx(np.log(0.9 / 0.1))
    assert (first.p_yes, first.class_yes, first.runner_up_yes) == (1, 0.9, 0.1)
    assert found.speaks_for[1].log_odds == pytest.approx(np.log(0.9 / 0.2))


def test_aspects_of_another_class_are_a_warning(card):
    (found,) = explain(card, said([[3, 0, 2]], [[-50, 50]]))
    assert (found.named, found.runner_up, found.fits_best) == ("red", "blue", "green")
    assert found.warning == "the aspects fit green better than red"
    assert [one.question for one in found.speaks_against] == ["Is it red?", "Is it green?"]
    assert all(one.log_odds < 0 for one in found.speaks_against)
    assert found.as_dict()["speaks_against"][0]["question"] == "Is it red?"


def test_the_strongest_come_first_and_only_some_are_named(tmp_path):
    questions = tuple(f"Is it {number}?" for number in range(20))
    answers = np.full((3, 20), 0.5)
    answers[0], answers[1] = np.linspace(0.1, 0.9, 20), 0.5
    card = load_bundle(untrained_bundle(tmp_path / "two")).card.model_copy(
        update={"questions": questions, "class_answers": tuple(map(tuple, answers.tolist()))}
    )
    (found,) = explain(card, said([[3, 2, 0]], [[50.0] * 20]))
    assert [one.question for one in found.speaks_for] == ["Is it 19?", "Is it 18?", "Is it 17?"]
    assert [one.question for one in found.speaks_against] == ["Is it 0?", "Is it 1?", "Is it 2?"]
    every = log_odds(np.full((1, 20), 50.0), np.array([0]), np.array([1]), answers)[0]
    assert found.speaks_for[0].log_odds == pytest.approx(every.max())


@pytest.mark.parametrize("changes", [{"class_answers": None}, {"class_answers": None, "questions": ()}])
def test_a_student_without_answers_by_class_is_refused_in_one_line(card, changes):
    with pytest.raises(ArtifactError, match=r"'makd seed 0' explains nothing: .* run `mmkd train CONFIG` again"):
        explain(card.model_copy(update=changes), said([[3, 2, 0]], [[0, 0]]))


def test_an_export_without_questions_is_to_be_exported_with_them(card):
    export = card.model_copy(update={"class_answers": None, "questions": (), "form": "timm"})
    with pytest.raises(ArtifactError, match=r"explains nothing: .*; export it again with --aspects$"):
        explain(export, said([[3, 2, 0]], [[0, 0]]))


def test_answers_of_another_shape_are_no_card(tmp_path):
    with pytest.raises(ValueError, match="class_answers are not 3 rows of 2"):
        untrained_bundle(tmp_path, class_answers=ANSWERS[:2])
