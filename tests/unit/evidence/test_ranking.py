import numpy as np
import pytest

from mmkd_ray.evidence.information import correlations
from mmkd_ray.evidence.ranking import by_information, mrmr

# Two unrelated patterns of yes and no over 400 images, and a third that is half the first.
FIRST = np.tile([1.0, 1.0, 0.0, 0.0], 100)
OTHER = np.tile([1.0, 0.0, 1.0, 0.0], 100)


def test_by_information_largest_first_and_ties_in_the_given_order():
    assert by_information(np.array([0.1, 0.5, -0.2, 0.5, 0.1])) == [1, 3, 0, 4, 2]


def test_an_unrelated_question_comes_before_a_redundant_one_with_more_information():
    p_NQ = np.stack([FIRST, 1 - FIRST, OTHER], axis=1)
    information_Q = np.array([0.9, 0.8, 0.2])
    assert by_information(information_Q) == [0, 1, 2]
    assert mrmr(information_Q, p_NQ) == [0, 2, 1]


def test_relevance_over_mean_redundancy_by_hand():
    """Correlations: with the best 0.8, 0.6 and 0; chance is 2 / sqrt(400) = 0.1.

    Second: 0.40 / 0.8 = 0.5, 0.36 / 0.6 = 0.6, 0.05 / max(0, 0.1) = 0.5: the one of 0.36.
    """
    noise = np.tile([1.0, -1.0], 200) / 2
    best = FIRST - 0.5
    p_NQ = 0.5 + 0.5 * np.stack([best, 0.8 * best + 0.6 * noise, 0.6 * best - 0.8 * noise, OTHER * 0], axis=1)
    np.testing.assert_allclose(correlations(p_NQ)[0], [1, 0.8, 0.6, 0], atol=1e-9)
    order = mrmr(np.array([1.0, 0.40, 0.36, 0.05]), p_NQ)
    assert order[:2] == [0, 2]
    # Third: 0.40 over the mean of 0.8 and |0.48 - 0.48| = 0, which is 0.4: 1; against 0.05 / 0.1.
    assert order == [0, 2, 1, 3]


def test_a_correlation_near_zero_by_chance_does_not_rank_a_question_high():
    """Without a floor, a redundancy of 0.0001 would make 0.001 bits worth more than 0.5."""
    rng = np.random.default_rng(0)
    useful = 0.5 + 0.1 * (FIRST - 0.5) + 0.1 * (OTHER - 0.5)
    nothing = rng.permutation(np.tile([0.0, 1.0, 1.0, 0.0], 100))
    nothing -= (nothing - 0.5) @ (FIRST - 0.5) / 100 * (FIRST - 0.5)
    assert mrmr(np.array([0.9, 0.5, 0.001]), np.stack([FIRST, useful, nothing], axis=1)) == [0, 1, 2]


def test_ties_keep_their_order_and_every_question_is_ranked_once():
    p_NQ = np.stack([FIRST] * 4, axis=1)
    assert mrmr(np.array([0.3, 0.3, 0.3, 0.3]), p_NQ) == [0, 1, 2, 3]
    assert mrmr(np.array([-0.1, -0.3, -0.2, -0.1]), p_NQ) == [0, 3, 2, 1]
    assert mrmr(np.zeros(0), np.zeros((5, 0))) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_ranking_does_not_depend_on_the_order_of_the_questions(seed):
    rng = np.random.default_rng(seed)
    p_NQ, information_Q = rng.random((30, 12)), rng.random(12)
    order, places = mrmr(information_Q, p_NQ), rng.permutation(12)
    assert sorted(order) == list(range(12))
    assert [int(places[q]) for q in mrmr(information_Q[places], p_NQ[:, places])] == order
