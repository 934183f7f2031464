"""The questions: unambiguous, and true to the picture."""

from dataclasses import replace

import numpy as np
import pytest

from mmkd_ray.fieldguide import QUESTIONS, answers
from mmkd_ray.fieldguide.traits import HABITATS, random_picture


def test_ids_and_wordings_are_unique():
    assert len({question.id for question in QUESTIONS}) == len(QUESTIONS)
    wordings = [
        wording for question in QUESTIONS for wording in (question.text, *question.paraphrases, question.held_out)
    ]
    assert len(set(wordings)) == len(wordings)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_each_question_is_well_formed(question):
    assert question.topic in {"shape", "colour", "marking", "scene"}
    assert question.text.endswith("?")
    assert len(question.paraphrases) >= 4
    assert question.held_out not in (question.text, *question.paraphrases)


def test_held_out_wordings_use_words_that_are_trained_on():
    trained = {
        word
        for question in QUESTIONS
        for wording in (question.text, *question.paraphrases)
        for word in wording.strip("?").split()
    }
    assert {word for question in QUESTIONS for word in question.held_out.strip("?").split()} <= trained


def test_every_question_has_both_answers():
    rows = [answers(random_picture(np.random.default_rng([1, i]))) for i in range(400)]
    for question in QUESTIONS:
        assert 0.05 < np.mean([row[question.id] for row in rows]) < 0.6, question.id


def test_questions_about_invisible_parts_are_answered_no():
    picture = random_picture(np.random.default_rng(0))
    picture = replace(picture, bird=replace(picture.bird, long_legs=True, red_legs=True))
    for pose, seen in (("ground", True), ("branch", True), ("swimming", False), ("flying", False)):
        truth = answers(replace(picture, scene=replace(picture.scene, pose=pose)))
        assert truth["long_legs"] is seen
        assert truth["red_legs"] is seen


def test_orientation_sensitive_are_those_that_a_mirrored_scene_answers_differently():
    picture = random_picture(np.random.default_rng(3), HABITATS)
    scene = picture.scene
    mirrored = replace(picture, scene=replace(scene, facing_left=not scene.facing_left, sun_left=not scene.sun_left))
    before, after = answers(picture), answers(mirrored)
    changed = {question_id for question_id in before if before[question_id] != after[question_id]}
    assert changed == {question.id for question in QUESTIONS if question.orientation_sensitive}
