import numpy as np

from mmkd_ray.answers.probability import Answers
from mmkd_ray.extract.preflight import find_problem

QUESTIONS = ["Is it red?", "Is it blue?"]


def answers(mass, failed=()):
    half = np.log(np.array(mass, dtype=np.float32) / 2)
    half[list(failed)] = np.nan
    return Answers(half, half, dict.fromkeys(failed, "too long"))


def problem(given, limit=0.5, *, all_may_fail=False):
    return find_problem(given, QUESTIONS, limit, all_may_fail=all_may_fail)


def test_a_teacher_that_answers_is_accepted():
    assert problem(answers([[0.9, 0.6], [1.0, 0.5]])) == ""


def test_the_mean_is_checked_and_the_worst_question_named():
    found = problem(answers([[0.9, 0.6], [0.9, 0.2]]))
    assert "does not answer 1 of 2 questions" in found
    assert "is 0.4 for 'Is it blue?', below extract.min_answer_mass = 0.5" in found
    assert "teacher.tokens=all_variants" in found


def test_a_limit_of_zero_accepts_anything():
    assert problem(answers([[1e-9, 1e-9]]), limit=0.0) == ""


def test_images_that_cannot_be_asked_do_not_count():
    assert problem(answers([[0.9, 0.9], [0.1, 0.1]], failed=[1])) == ""


def test_if_no_image_can_be_asked_about_it_is_an_error_unless_they_are_the_rest_of_a_run():
    nothing = answers([[0.9, 0.9], [0.9, 0.9]], failed=[0, 1])
    assert problem(nothing) == "none of the first 2 images can be asked about: too long"
    assert problem(nothing, all_may_fail=True) == ""
