import numpy as np
import pytest

from mmkd_ray.students.arms import DESCRIPTIONS, aspect_targets, uses_teacher

P = np.random.default_rng(0).uniform(size=(50, 4)).astype(np.float32)


def test_the_baseline_has_no_targets():
    assert aspect_targets("ce", P, seed=0) is None


def test_makd_teaches_what_the_teacher_said():
    assert np.array_equal(aspect_targets("makd", P, seed=0), P)


def test_shuffled_has_the_same_rows_on_other_images():
    shuffled = aspect_targets("shuffled", P, seed=0)
    assert not np.array_equal(shuffled, P)
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, P))


def test_random_targets_know_nothing_of_the_teacher():
    noise = aspect_targets("random", P, seed=0)
    assert noise.shape == P.shape
    assert noise.dtype == np.float32
    assert np.array_equal(noise, aspect_targets("random", 1 - P, seed=0))
    assert abs(np.corrcoef(noise.ravel(), P.ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("arm", ["shuffled", "random"])
def test_controls_are_fixed_by_their_seed(arm):
    assert np.array_equal(aspect_targets(arm, P, seed=1), aspect_targets(arm, P, seed=1))
    assert not np.array_equal(aspect_targets(arm, P, seed=1), aspect_targets(arm, P, seed=2))


def test_every_arm_is_described():
    assert {arm for arm in DESCRIPTIONS if uses_teacher(arm)} == {"makd", "shuffled"}
