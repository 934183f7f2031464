"""The two numbers that are read off an answer's log-probabilities."""

import numpy as np
import pytest

from mmkd_ray.answers.probability import answer_mass, p_yes


def logs(*probabilities: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities, dtype=np.float32))


def test_p_yes_is_yes_among_the_two_answers():
    np.testing.assert_allclose(p_yes(logs(0.6, 0.09, 0.5), logs(0.2, 0.01, 0.5)), [0.75, 0.9, 0.5], atol=1e-6)


def test_p_yes_keeps_the_shape_and_is_float32():
    log_p_NQ = logs(*np.linspace(0.1, 0.6, 6)).reshape(2, 3)
    assert p_yes(log_p_NQ, log_p_NQ[::-1]).shape == (2, 3)
    assert p_yes(log_p_NQ, log_p_NQ).dtype == np.float32


@pytest.mark.filterwarnings("error")
def test_p_yes_of_a_certain_answer_is_at_the_end_of_the_range():
    certain = p_yes(np.float32([-1e-6, -700.0]), np.float32([-700.0, -1e-6]))
    np.testing.assert_allclose(certain, [1, 0], atol=1e-30)


def test_answers_far_below_the_rest_of_the_vocabulary_still_have_a_p_yes():
    """exp(-120) is 0 in float32: the ratio must be taken before the exponential."""
    np.testing.assert_allclose(p_yes(np.float32([-120.0]), np.float32([-121.0])), [1 / (1 + np.exp(-1))], atol=1e-6)


def test_answer_mass_is_the_share_of_the_vocabulary_that_the_two_answers_have():
    np.testing.assert_allclose(answer_mass(logs(0.6, 0.09, 0.0), logs(0.4, 0.01, 0.25)), [1, 0.1, 0.25], atol=1e-6)
