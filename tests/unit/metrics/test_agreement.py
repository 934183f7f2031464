import numpy as np
import pytest

from mmkd_ray.metrics.agreement import agreement, agreement_with_all, class_answers, log_odds


def test_class_answers_leave_out_what_was_not_answered():
    p_yes = np.array([[1.0, np.nan], [0.5, np.nan], [0.2, 0.4]])
    np.testing.assert_allclose(
        class_answers(p_yes, np.array([0, 0, 2]), classes=3), [[0.75, 0.5], [0.5, 0.5], [0.2, 0.4]]
    )


def test_agreement_by_hand():
    answers = np.array([[0.9, 0.1], [0.2, 0.8]])
    yes, no = 50.0, -50.0
    found = agreement(np.array([[yes, no], [yes, no]]), np.array([0, 1]), answers)
    np.testing.assert_allclose(found, [np.log(0.9), np.log(0.2)])
    assert agreement(np.array([[0.0, 0.0]]), np.array([0]), answers) == pytest.approx((np.log(0.9) + np.log(0.1)) / 2)


def test_log_odds_by_hand():
    """p log(a / b) + (1 - p) log((1 - a) / (1 - b)): of a certain yes, of a certain no, and halfway between."""
    answers = np.array([[0.9, 0.1, 0.9], [0.2, 0.8, 0.2]])
    found = log_odds(np.array([[50.0, -50.0, 0.0]]), np.array([0]), np.array([1]), answers)
    np.testing.assert_allclose(found, [[np.log(4.5), np.log(4.5), (np.log(4.5) + np.log(1 / 8)) / 2]])


def test_log_odds_add_up_to_the_difference_of_agreement():
    rng = np.random.default_rng(0)
    logits, answers = rng.normal(size=(5, 7)), rng.uniform(size=(4, 7))
    answers[0, 0] = 0.0  # never answered yes
    named, other = np.array([0, 1, 2, 3, 0]), np.array([1, 0, 3, 2, 2])
    total = log_odds(logits, named, other, answers).sum(axis=1)
    difference = agreement(logits, named, answers) - agreement(logits, other, answers)
    np.testing.assert_allclose(total, 7 * difference)
    every = agreement_with_all(logits, answers)
    np.testing.assert_allclose(every[np.arange(5), named], agreement(logits, named, answers))
