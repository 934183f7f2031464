import numpy as np
import pytest

from mmkd_ray.evidence.answers import PilotAnswers
from mmkd_ray.evidence.audit import audit
from mmkd_ray.metrics.calibration import area_under_curve, calibration_error

QUESTIONS = ["Is it red?", "Is it blue?", "Is it green?"]


def told(p_NQ):
    p_NQ = np.array(p_NQ, dtype=np.float32)
    unknown = np.full_like(p_NQ, np.nan)
    ids = tuple(f"i{n}" for n in range(len(p_NQ)))
    return PilotAnswers(ids, np.zeros(len(ids), np.int64), p_NQ, unknown, unknown, unknown)


@pytest.mark.parametrize(
    ("p", "right", "expected"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1.0),
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], 0.0),
        # Pairs (yes, no): 0.4 > 0.3, 0.4 < 0.6, 0.7 > both: 3 of 4.
        ([0.4, 0.3, 0.7, 0.6], [1, 0, 1, 0], 0.75),
        # 0.5 = 0.5 counts half: of 2 pairs, 1.5.
        ([0.5, 0.5, 0.2], [1, 0, 0], 0.75),
        ([0.3, 0.3, 0.3, 0.3], [1, 0, 1, 0], 0.5),
        ([0.3, 0.9], [1, 1], None),
        ([0.3, 0.9], [0, 0], None),
    ],
)
def test_area_under_the_curve_by_hand(p, right, expected):
    assert area_under_curve(np.array(p), np.array(right, bool)) == (expected and pytest.approx(expected))


def test_area_under_the_curve_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    p, right = rng.integers(0, 8, 40) / 8, rng.random(40) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in p[right] for b in p[~right]]
    assert area_under_curve(p, right) == pytest.approx(np.mean(pairs))


def test_calibration_error_by_hand():
    # Bin of 0.2: two images, P 0.25 on average, half true: 0.25. Bin of 0.9, with 1 in it: P 0.975, all true: 0.025.
    p, right = np.array([0.21, 0.29, 0.95, 1.0]), np.array([True, False, True, True])
    assert calibration_error(p, right) == pytest.approx(0.5 * 0.25 + 0.5 * 0.025)


def test_a_calibrated_teacher_has_no_error_and_an_overconfident_one_has():
    right = np.arange(100) % 10 < 3
    assert calibration_error(np.full(100, 0.3), right) == pytest.approx(0)
    assert calibration_error(np.full(100, 0.9), right) == pytest.approx(0.6)


def test_questions_are_compared_with_their_true_answers_the_least_accurate_first():
    answers = told([[0.9, 0.1, 0.5], [0.2, 0.8, 0.5], [0.7, 0.6, 0.5]])
    truth = {
        "Is it red?": {"i0": True, "i1": False, "i2": True},
        "Is it blue?": {"i0": False, "i2": False},
        "Is it of no interest?": {"i0": True},
    }
    blue, red = audit(QUESTIONS, answers, truth)
    assert (red.question, red.images, red.accuracy, red.auc) == ("Is it red?", 3, 1.0, 1.0)
    assert red.share_true == pytest.approx(2 / 3)
    assert red.brier == pytest.approx((0.01 + 0.04 + 0.09) / 3, abs=1e-6)
    assert red.mean == pytest.approx(0.6, abs=1e-6)
    # i1, of which the truth is not known, has no part in it.
    assert (blue.question, blue.images, blue.accuracy, blue.auc) == ("Is it blue?", 2, 0.5, None)
    assert blue.mean == pytest.approx(0.35, abs=1e-6)


def test_ties_are_in_the_order_of_their_texts():
    truth = {question: {"i0": True} for question in QUESTIONS}
    assert [one.question for one in audit(QUESTIONS, told([[0.9, 0.9, 0.9]]), truth)] == sorted(QUESTIONS)


def test_without_true_answers_there_is_no_audit():
    assert audit(QUESTIONS, told([[0.9, 0.9, 0.9]]), {"Is it red?": {"elsewhere": True}}) == []
