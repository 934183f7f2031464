import numpy as np
import pytest

from mmkd_ray.metrics.agreement import agreement, class_answers


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
