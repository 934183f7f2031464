import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray.metrics.classification import among_top_k, aspect_fidelity, per_class_accuracy, roc_auc

LOGITS = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [0.0, 5.0, 1.0], [2.0, 1.0, 0.0]])
LABELS = np.array([0, 1, 1, 2])


def test_top_k():
    assert among_top_k(LOGITS, LABELS, k=1).mean() == 0.5
    assert among_top_k(LOGITS, LABELS, k=2).mean() == 0.75
    assert among_top_k(LOGITS, LABELS, k=5).mean() == 1.0


def test_constant_logits_do_not_score():
    assert among_top_k(np.zeros((4, 3)), LABELS, k=1).mean() == 0


def test_per_class_with_an_absent_class():
    accuracy = per_class_accuracy(np.pad(LOGITS, ((0, 0), (0, 1)), constant_values=-9), LABELS)
    assert accuracy[:3].tolist() == [1.0, 0.5, 0.0]
    assert math.isnan(accuracy[3])


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40).filter(
        lambda pairs: len({positive for _, positive in pairs}) == 2
    )
)
def test_auc_is_the_chance_of_ranking_a_pair_right(pairs):
    scores = np.array([score for score, _ in pairs], dtype=float)
    positive = np.array([flag for _, flag in pairs])
    wins = [(p > n) + 0.5 * (p == n) for p in scores[positive] for n in scores[~positive]]
    assert roc_auc(scores, positive) == pytest.approx(np.mean(wins))


def test_auc_of_one_kind_is_undefined():
    assert math.isnan(roc_auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_fidelity_question_by_question():
    teacher = np.array([[0.9, 0.9], [0.8, 0.9], [0.1, 0.9]])
    student = np.array([[2.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    fidelity = aspect_fidelity(student, teacher)
    assert fidelity[0] == 1
    assert math.isnan(fidelity[1])
