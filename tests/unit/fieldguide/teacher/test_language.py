"""What the language stage is asked: different questions of a picture, both answers equally often where wanted."""

import numpy as np
import pytest

from mmkd_ray.fieldguide import QUESTIONS
from mmkd_ray.fieldguide.teacher.language import _choose_questions, _choose_wordings
from mmkd_ray.fieldguide.teacher.recipe import Recipe


def test_a_picture_is_asked_different_questions():
    truth_BQ = np.zeros((48, len(QUESTIONS)), dtype=bool)
    asked_BK = _choose_questions(np.random.default_rng(0), truth_BQ, Recipe(), None)
    assert asked_BK.shape == (48, Recipe().questions_per_picture)
    assert all(len(set(row)) == len(row) for row in asked_BK.tolist())


@pytest.mark.parametrize(("balanced", "expected"), [(True, 0.5), (False, 0.2)])
def test_yes_is_as_frequent_as_requested(balanced: bool, expected: float):
    rng = np.random.default_rng(1)
    truth_BQ = rng.random((4000, len(QUESTIONS))) < 0.2
    rate_Q = truth_BQ.mean(axis=0) if balanced else None
    asked_BK = _choose_questions(rng, truth_BQ, Recipe(questions_per_picture=4), rate_Q)
    assert np.take_along_axis(truth_BQ, asked_BK, axis=1).mean() == pytest.approx(expected, abs=0.04)


def test_canonical_steps_use_only_canonical_wordings():
    rng = np.random.default_rng(2)
    rows_by_question = [np.arange(10 * q, 10 * q + 9) for q in range(len(QUESTIONS))]
    asked_BK = rng.integers(len(QUESTIONS), size=(50, 16))
    canonical_BK = _choose_wordings(rng, asked_BK, rows_by_question, canonical=True)
    assert (canonical_BK == 10 * asked_BK).all()
    mixed_BK = _choose_wordings(rng, asked_BK, rows_by_question, canonical=False)
    assert (mixed_BK // 10 == asked_BK).all()
    assert 0.2 < (mixed_BK == canonical_BK).mean() < 0.6
