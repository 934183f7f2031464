import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkd_ray.evidence.information import class_information, correlations, entropy, information_error


def balanced(classes, each):
    return np.repeat(np.arange(classes), each)


def column(values):
    return np.asarray(values, dtype=np.float64)[:, None]


def test_entropy_by_hand():
    assert entropy(np.array([0.0, 0.5, 1.0, 0.25])) == pytest.approx([0, 1, 0, 0.811278], abs=1e-6)
    assert np.isfinite(entropy(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize("classes", [2, 24])
def test_a_perfect_question_that_halves_the_classes_has_one_bit(classes):
    label_N = balanced(classes, 1200 // classes)
    p_NQ = column((label_N % 2 == 0).astype(float))
    assert class_information(p_NQ, label_N, seed=0) == pytest.approx([1], abs=0.03)


def test_a_question_about_one_class_in_four_by_hand():
    """H(1/4), and half of the doubt is left where the teacher is unsure: H(A) - H(A | C) with P(yes) = 1/2 for it."""
    label_N = balanced(4, 500)
    p_NQ = np.stack([label_N == 0, (label_N == 0) / 2], axis=1).astype(float)
    expected = [entropy(np.array(0.25)), entropy(np.array(0.125)) - 0.25]
    assert class_information(p_NQ, label_N, seed=0) == pytest.approx(expected, abs=0.005)


def test_noise_has_no_information_on_average():
    rng = np.random.default_rng(0)
    label_N = balanced(24, 10)
    p_NQ = (rng.random((len(label_N), 400)) < 0.4).astype(float)
    found_Q = class_information(p_NQ, label_N, seed=0)
    # Without the correction it would be about (24 - 1) / (2 ln 2 x 240) = 0.07 bits.
    assert abs(found_Q.mean()) < 0.004
    assert found_Q.min() < 0 < found_Q.max()


@pytest.mark.parametrize("p", [0.0, 0.5, 0.93, 1.0])
def test_a_constant_has_no_information(p):
    assert class_information(np.full((60, 1), p), balanced(6, 10), seed=3) == pytest.approx([0], abs=1e-9)
    assert information_error(np.full((60, 1), p), balanced(6, 10), resamples=20, seed=3) == pytest.approx([0], abs=1e-9)


def test_unsure_answers_have_little_information_even_if_they_follow_the_class():
    label_N = balanced(2, 200)
    p_NQ = np.stack([np.where(label_N == 0, 0.55, 0.45), np.where(label_N == 0, 1.0, 0.0)], axis=1)
    unsure, sure = class_information(p_NQ, label_N, seed=0)
    assert unsure == pytest.approx(1 - entropy(np.array(0.45)), abs=0.001)
    assert unsure < 0.01 * sure


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_names_of_the_classes_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    label_N, p_NQ = rng.integers(0, 5, 80), rng.random((80, 3))
    renamed_N = rng.permutation(1000)[:5][label_N]
    np.testing.assert_allclose(
        class_information(p_NQ, label_N, seed=1), class_information(p_NQ, renamed_N, seed=1), atol=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_images_matters_no_more_than_the_permutations(seed):
    rng = np.random.default_rng(seed)
    label_N = balanced(4, 60)
    p_NQ = np.clip(0.2 * label_N[:, None] + rng.normal(0.2, 0.1, (240, 2)), 0, 1)
    order = rng.permutation(240)
    np.testing.assert_allclose(
        class_information(p_NQ, label_N, seed=1), class_information(p_NQ[order], label_N[order], seed=1), atol=0.01
    )


def test_the_same_seed_gives_the_same_numbers():
    rng = np.random.default_rng(5)
    label_N, p_NQ = balanced(5, 20), rng.random((100, 4))
    first = class_information(p_NQ, label_N, seed=7), information_error(p_NQ, label_N, resamples=30, seed=7)
    again = class_information(p_NQ, label_N, seed=7), information_error(p_NQ, label_N, resamples=30, seed=7)
    np.testing.assert_array_equal(first, again)
    assert (class_information(p_NQ, label_N, seed=8) != first[0]).any()
    assert (information_error(p_NQ, label_N, resamples=30, seed=8) != first[1]).any()


def sampled(rng, mean_C, each, questions):
    """Answers that are sure of themselves, drawn anew for each question; and what they say of the class, exactly."""
    label_N = balanced(len(mean_C), each)
    p_NQ = (rng.random((len(label_N), questions)) < np.asarray(mean_C)[label_N][:, None]).astype(float)
    return p_NQ, label_N, float(entropy(np.mean(mean_C)) - entropy(np.asarray(mean_C)).mean())


def test_the_error_shrinks_with_the_images():
    rng = np.random.default_rng(0)
    errors = []
    for each in (50, 800):
        p_NQ, label_N, _ = sampled(rng, (0.2, 0.5, 0.8), each, 20)
        errors.append(information_error(p_NQ, label_N, resamples=60, seed=0).mean())
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.2)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p_NQ, label_N, truth = sampled(rng, (0.1, 0.3, 0.5, 0.9), 60, 500)
    estimate_Q = class_information(p_NQ, label_N, seed=0)
    error_Q = information_error(p_NQ, label_N, resamples=100, seed=0)
    covered = np.abs(estimate_Q - truth) <= 1.96 * error_Q
    assert 0.91 <= covered.mean() <= 0.985
    assert estimate_Q.mean() == pytest.approx(truth, abs=0.01)
    # Its width is that of the estimate's own spread from sample to sample.
    assert error_Q.mean() == pytest.approx(estimate_Q.std(), rel=0.15)


def test_the_bootstrap_keeps_the_number_of_images_of_each_class():
    """Whoever draws from all images finds an error here: one class is rare."""
    label_N = np.array([0] * 98 + [1] * 2)
    p_NQ = column((label_N == 1).astype(float))
    assert information_error(p_NQ, label_N, resamples=20, seed=0) == pytest.approx([0], abs=1e-9)


def test_one_resample_has_no_error():
    assert information_error(np.random.default_rng(0).random((20, 2)), balanced(2, 10), resamples=1, seed=0).sum() == 0


def test_correlations_are_those_of_pearson():
    rng = np.random.default_rng(0)
    p_NQ = rng.random((50, 4))
    p_NQ[:, 1] = 1 - p_NQ[:, 0]
    p_NQ[:, 2] = 0.3 * p_NQ[:, 0] + 0.1 * p_NQ[:, 3]
    found = correlations(p_NQ)
    np.testing.assert_allclose(found, np.corrcoef(p_NQ.T), atol=1e-12)
    assert found[0, 1] == pytest.approx(-1)


def test_what_never_varies_correlates_with_nothing():
    p_NQ = np.stack([np.full(10, 0.3), np.linspace(0, 1, 10)], axis=1)
    np.testing.assert_allclose(correlations(p_NQ), [[0, 0], [0, 1]], atol=1e-12)
