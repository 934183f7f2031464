from dataclasses import dataclass, field

import numpy as np
import pytest

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import Query
from mmkd_ray.config import ExtractConfig
from mmkd_ray.extract.engines.tokens import AnswerTokens, Spelling
from mmkd_ray.extract.preflight import find_problem

QUESTIONS = ["Is it red?", "Is it blue?"]
NO_IMAGES = [b"0", b"1"]
CANONICAL = Spelling("'Yes' / 'No'", "canonical", AnswerTokens((1,), (2,)))
WITH_SPACE = Spelling("' Yes' / ' No'", 'teacher.yes_token: " Yes"', AnswerTokens((3,), (4,)))
TOGETHER = Spelling("all variants", "teacher.tokens: all_variants", AnswerTokens((1, 3), (2, 4)))


@dataclass
class Endpoint:
    """Answers with these masses, an image a row, whatever is asked."""

    mass_NQ: list
    failed: dict = field(default_factory=dict)

    def answer(self, images, questions):
        assert len(images) == len(self.mass_NQ)
        half = np.log(np.array(self.mass_NQ, dtype=np.float32) / 2)[:, : len(questions)]
        half[list(self.failed)] = np.nan
        return Answers(half, half, self.failed)

    def counts(self):
        return {}


@dataclass
class Local:
    """Runs here: image number `b"7"` is answered by `mass`, spelled so, plus a shift where it is asked in this way."""

    mass: dict
    shift: dict = field(default_factory=dict)
    tolerance: float = 0.01
    slope: float = 0.0
    """How much answers differ by image and question."""
    asked: list = field(default_factory=list)

    def _answers(self, images, questions, mass, shift=0.0):
        number_N1 = np.array([[float(image)] for image in images])
        number_Q = np.array([len(question) for question in questions])
        log_p_NQ = (np.log(mass / 2) - self.slope * number_N1 * number_Q + shift).astype(np.float32)
        return Answers(log_p_NQ, log_p_NQ)

    def answer(self, images, questions):
        way = "together" if not self.asked else "in another order"
        self.asked.append((list(images), list(questions)))
        return self._answers(images, questions, self.mass[CANONICAL.name], self.shift.get(way, 0.0))

    def answer_alone(self, images, questions):
        self.asked.append((list(images), list(questions)))
        return self._answers(images, questions, self.mass[CANONICAL.name], self.shift.get("alone", 0.0))

    def answer_spelled(self, spelling, images, questions):
        return self._answers(images, questions, self.mass[spelling.name])

    def spellings(self):
        return [CANONICAL, WITH_SPACE, TOGETHER]

    def counts(self):
        return {}


def masses(canonical, with_space):
    return {CANONICAL.name: canonical, WITH_SPACE.name: with_space, TOGETHER.name: canonical + with_space}


def problem(engine, images=NO_IMAGES, questions=QUESTIONS, *, limit=0.5, all_may_fail=False, first=4):
    extract = ExtractConfig(min_answer_mass=limit, preflight_images=first)
    return find_problem(engine, images, [Query(text) for text in questions], extract, all_may_fail=all_may_fail)


def test_a_teacher_that_answers_may_go_on():
    assert problem(Endpoint([[0.9, 0.6], [1.0, 0.5]])) == ""


def test_the_mean_decides_and_the_worst_question_is_named():
    found = problem(Endpoint([[0.9, 0.6], [0.9, 0.2]]))
    assert "does not answer 1 of 2 questions" in found
    assert "is 0.4 for 'Is it blue?', below extract.min_answer_mass = 0.5" in found
    assert "teacher.tokens=all_variants" in found


def test_a_limit_of_zero_takes_anything():
    assert problem(Endpoint([[1e-9, 1e-9], [1e-9, 1e-9]]), limit=0.0) == ""


def test_images_that_cannot_be_asked_do_not_count():
    assert problem(Endpoint([[0.9, 0.9], [0.1, 0.1]], failed={1: "too long"})) == ""


def test_if_none_can_be_asked_it_is_the_teacher_or_the_prompt_unless_they_are_the_rest_of_a_run():
    nothing = Endpoint([[0.9, 0.9], [0.9, 0.9]], failed={0: "too long", 1: "too long"})
    assert problem(nothing) == "none of the first 2 images can be asked about: too long"
    assert problem(nothing, all_may_fail=True) == ""


def test_answers_that_are_not_numbers_are_refused():
    found = problem(Endpoint([[0.9, np.nan], [0.9, 0.9]]))
    assert "not numbers (nan) for 1 of 2 questions, e.g. 'Is it blue?'" in found
    assert "teacher.dtype" in found


def test_the_spelling_that_holds_the_answers_is_named_with_its_setting():
    found = problem(Local(masses(0.01, 0.9)))
    assert found.endswith(
        "tokens tried: 'Yes' / 'No' 0.01, ' Yes' / ' No' 0.9, all variants 0.91; set teacher.yes_token: \" Yes\""
    )


def test_where_only_all_spellings_together_are_enough_they_are_named():
    assert problem(Local(masses(0.3, 0.4))).endswith("; set teacher.tokens: all_variants")


def test_where_no_spelling_holds_the_answers_all_that_were_tried_are_listed():
    found = problem(Local(masses(0.01, 0.02)))
    assert "tokens tried: 'Yes' / 'No' 0.01" in found
    assert "set teacher" not in found
    assert found.endswith("change the prompt or the question, or lower the limit")


IMAGES = [str(number).encode() for number in range(9)]
MANY = ["Is it red?", "Is it bluish?", "Is it greenish?", "Is it of many colours?"]


def test_answers_that_depend_on_nothing_else_may_go_on():
    engine = Local(masses(0.9, 0.01), slope=0.01)
    assert problem(engine, IMAGES, MANY) == ""
    together, another_order, alone = engine.asked
    assert together == (IMAGES[:4], MANY)
    assert alone == ([b"0", b"3"], [MANY[0], MANY[2], MANY[3]])
    assert another_order == ([b"3", b"0"], [MANY[3], MANY[2], MANY[0]])


@pytest.mark.parametrize("way", ["alone", "in another order"])
def test_answers_that_depend_on_what_else_is_asked_are_refused_with_the_remedy(way):
    found = problem(Local(masses(0.9, 0.01), {way: 0.09}, slope=1e-4), IMAGES)
    assert f"differs by 0.09 when it is asked {way}, more than rounding explains (0.01)" in found
    assert "teacher.engine_args: {max_num_seqs: 1, enable_prefix_caching: false}" in found


def test_what_rounding_explains_is_no_problem():
    assert problem(Local(masses(0.9, 0.01), {"alone": 0.09}, tolerance=0.25), IMAGES) == ""
    assert problem(Local(masses(0.9, 0.01), {"alone": 0.005}), IMAGES) == ""
