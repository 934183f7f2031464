import numpy as np
import pytest
import torch

from mmkd_ray.config import ARMS, Arm, arms, validate
from mmkd_ray.students.targets.arms import aspect_targets, class_targets, soften
from mmkd_ray.students.targets.labels import Provided
from mmkd_ray.students.targets.zero_shot import class_probabilities
from tests.support import toy_student

P = np.random.default_rng(0).uniform(size=(50, 4)).astype(np.float32)
LABELS = np.arange(50) % 3


def test_the_baseline_has_no_targets():
    assert aspect_targets("ce", P, LABELS, seed=0) is None


def test_makd_teaches_what_the_teacher_said():
    assert np.array_equal(aspect_targets("makd", P, LABELS, seed=0), P)


def test_shuffled_has_the_same_rows_on_other_images():
    shuffled = aspect_targets("shuffled", P, LABELS, seed=0)
    assert not np.array_equal(shuffled, P)
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, P))


def test_random_targets_know_nothing_of_the_teacher():
    noise = aspect_targets("random", P, LABELS, seed=0)
    assert noise.shape == P.shape
    assert noise.dtype == np.float32
    assert np.array_equal(noise, aspect_targets("random", 1 - P, LABELS, seed=0))
    assert abs(np.corrcoef(noise.ravel(), P.ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("arm", ["shuffled", "random"])
def test_controls_are_fixed_by_their_seed(arm):
    assert np.array_equal(aspect_targets(arm, P, LABELS, seed=1), aspect_targets(arm, P, LABELS, seed=1))
    assert not np.array_equal(aspect_targets(arm, P, LABELS, seed=1), aspect_targets(arm, P, LABELS, seed=2))


def test_class_mean_is_the_same_for_all_images_of_a_class_and_skips_what_was_not_asked():
    answers = P.copy()
    answers[0] = np.nan  # of class 0
    means = aspect_targets("class_mean", answers, LABELS, seed=0)
    for label in range(3):
        expected = np.nanmean(answers[label == LABELS], axis=0)
        np.testing.assert_allclose(means[label == LABELS], np.broadcast_to(expected, (sum(label == LABELS), 4)), 1e-6)


def test_class_targets_are_probabilities():
    targets = class_probabilities(np.array([[0.2, 0.6], [0.0, 0.0], [np.nan, np.nan]], np.float32))
    np.testing.assert_allclose(targets[0], [0.25, 0.75], rtol=1e-6)
    assert np.isfinite(targets[1]).all()
    assert np.isnan(targets[2]).all()


def test_temperature_divides_logits():
    assert soften(P, 1.0) is P
    softer = soften(np.array([[0.9, 0.5, 0.1, 1.0, np.nan]], np.float32), 2.0)
    np.testing.assert_allclose(softer[0, :3], [0.75, 0.5, 0.25], rtol=1e-5)  # odds 9 become 3
    assert softer[0, 3] < 1
    assert np.isnan(softer[0, 4])


def test_what_the_arms_use():
    assert {name for name, arm in ARMS.items() if arm.uses_answers} == {
        "makd", "shuffled", "class_mean", "makd+kd", "makd+kd_ls",
    }  # fmt: skip
    assert {name for name, arm in ARMS.items() if arm.classes.larger_student} == {
        "kd", "dkd", "kd_ls", "makd+kd", "makd+kd_ls",
    }  # fmt: skip
    assert all(arm.aspects or arm.classes is not arms.LABELS for name, arm in ARMS.items() if name != "ce")


def test_a_student_is_trained_by_an_arm_that_is_one_new_entry(monkeypatch):
    monkeypatch.setitem(ARMS, "class_mean+smoothed", Arm("both at once", arms.CLASS_MEANS, arms.SMOOTHED))
    tree = {"name": "t", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}
    config = validate({**tree, "study": {"arms": ["class_mean+smoothed"], "label_smoothing": 0.3}})
    nothing = Provided(class_answers=lambda: pytest.fail("asked"), larger_student=lambda: pytest.fail("loaded"))
    classes = class_targets("class_mean+smoothed", config, nothing)
    assert classes.label_smoothing == 0.3

    answers = toy_student.training_set().aspect_targets_NQ.numpy() * 0.8 + 0.1
    labels = toy_student.pixels(48, 0).labels_N.numpy()
    targets = torch.from_numpy(aspect_targets("class_mean+smoothed", answers, labels, seed=0))
    trained = toy_student.run(
        toy_student.trainer(aspect_targets_NQ=targets, mirrored_targets_NQ=targets, classes=classes)
    )
    assert trained.history[-1]["val_top1"] > 0.9
