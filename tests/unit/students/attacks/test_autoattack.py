"""AutoAttack: exact on a linear student, for any number of classes, and it says when it is not to be trusted."""

import sys

import pytest
import torch
from torch import nn

from mmkd_ray.errors import ConfigError, StudentError
from mmkd_ray.students.attacks import autoattack
from tests.support.linear_student import (
    NoNumberForGradient,
    behind,
    change_norms,
    distances,
    labelled_images,
    linear_student,
)


def attack(student, images, labels, *, norm="Linf", epsilon=0.05, seed=0, batch=50):
    return autoattack(student, images, labels, norm=norm, epsilon=epsilon, seed=seed, batch=batch, square_queries=100)


@pytest.mark.parametrize(("norm", "classes"), [("Linf", 4), ("L2", 4), ("Linf", 2), ("L2", 3), ("Linf", 12)])
def test_a_linear_student_keeps_the_accuracy_of_the_closed_form(norm, classes):
    student = linear_student(classes)
    images, labels = labelled_images(student, 12)
    needed = distances(student, images, labels, norm)
    epsilon = float(needed.sort().values[5:7].mean())
    attacked, warnings = attack(student, images, labels, norm=norm, epsilon=epsilon, batch=7 if classes == 2 else 12)
    changes = change_norms(attacked, images, norm)
    right = student(attacked)[0].argmax(1) == labels
    assert 0 < right.sum() < 12
    assert right.tolist() == (needed > epsilon).tolist()
    assert changes.max() <= epsilon * (1 + 1e-5)
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert torch.equal(attacked[right], images[right])
    assert ["APGD-T" in warning for warning in warnings] == [True] * (classes < 4)


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_images_may_lie_in_memory_with_channels_last(norm):
    student = linear_student(classes=2)
    images, labels = labelled_images(student, 2)
    attacked, _ = attack(student, images.contiguous(memory_format=torch.channels_last), labels, norm=norm)
    assert torch.equal(attacked, attack(student, images, labels, norm=norm)[0])


def test_images_that_are_wrong_already_stay_as_they_are():
    student = linear_student(classes=4)
    images, labels = labelled_images(student, 4)
    sizes = []
    student.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    attacked, warnings = attack(student, images, (labels + 1) % 4)
    assert torch.equal(attacked, images)
    assert warnings == []
    assert min(sizes) == 4  # not every model takes none


def test_a_single_class_is_refused():
    student = linear_student(classes=1)
    images, labels = labelled_images(student, 2)
    with pytest.raises(StudentError, match="has 1 class; an attack needs 2 or more"):
        attack(student, images, labels)


def test_a_missing_package_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    student = linear_student(classes=4)
    with pytest.raises(ConfigError, match=r"pyautoattack is not installed: install the extra `robustness`"):
        attack(student, *labelled_images(student, 2))


def test_the_same_seed_gives_the_same_images():
    student = linear_student(classes=4)
    images, labels = labelled_images(student, 6)
    (once, _), (again, _), (other, _) = (attack(student, images, labels, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_the_student_the_random_numbers_and_the_debugger_are_as_before():
    student = linear_student(classes=2).train()
    student.backbone[1].bias.requires_grad_(requires_grad=False)
    images, labels = labelled_images(student, 3)
    state, trace = torch.get_rng_state(), sys.gettrace()

    def tracer(*_):
        return None

    sys.settrace(tracer)
    try:
        attack(student, images, labels)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(trace)
    assert torch.equal(torch.get_rng_state(), state)
    assert student.training
    assert student.backbone[1].weight.requires_grad
    assert student.backbone[1].weight.grad is None
    assert not student.backbone[1].bias.requires_grad


class Noise(nn.Module):
    """Adds another little noise to every call."""

    def forward(self, images):
        return images + 0.1 * torch.randn_like(images)


class Steps(nn.Module):
    """Rounds the image: its gradient is zero everywhere."""

    def forward(self, images):
        return (4 * images).round() / 4


def test_a_random_student_is_warned_about():
    student = behind(Noise())
    images, labels = labelled_images(student, 4)
    _, warnings = attack(student, images, labels)
    assert "output for the same image is random" in warnings[0]


def test_a_student_without_gradients_is_warned_about_and_square_still_attacks_it(caplog, capfd):
    student = behind(Steps())
    images, labels = labelled_images(student, 12)
    attacked, warnings = attack(student, images, labels, epsilon=0.1)
    assert warnings[0].startswith("the gradient of 12 of 12 images is zero or not a number")
    assert warnings[1].startswith("Square, which uses no gradient, changed the class of ")
    assert attacked.isfinite().all()
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_where_the_gradient_is_not_a_number_no_image_is_fooled_by_it(norm):
    student = behind(NoNumberForGradient(), classes=2)
    images, labels = labelled_images(student, 3)
    attacked, warnings = attack(student, images, labels, norm=norm)
    assert attacked.isfinite().all()
    assert warnings[0].startswith("the gradient of 3 of 3 images is zero or not a number")
