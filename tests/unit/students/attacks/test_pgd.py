"""PGD: exact on a linear student, inside the ball, and without a trace in the student."""

import pytest
import torch

from mmkd_ray.students.attacks import pgd
from mmkd_ray.students.attacks.pgd import _Attempt, _worse
from tests.support.linear_student import (
    NoNumberForGradient,
    behind,
    change_norms,
    distances,
    labelled_images,
    linear_student,
)


@pytest.mark.parametrize(("norm", "classes", "missed"), [("Linf", 2, 0), ("L2", 2, 0), ("Linf", 4, 5), ("L2", 4, 5)])
def test_a_linear_student_keeps_the_accuracy_of_the_closed_form(norm, classes, missed):
    """Of more than two classes the cross-entropy leads towards several at the same time: not the nearest, but near."""
    student = linear_student(classes)
    images, labels = labelled_images(student, 60)
    needed = distances(student, images, labels, norm)
    epsilon = float(needed.sort().values[29:31].mean())
    attacked = pgd(student, images, labels, norm=norm, epsilon=epsilon, steps=40, restarts=2, seed=0)
    wrong = student(attacked)[0].argmax(1) != labels
    assert 30 - missed <= wrong.sum() <= 30
    assert not wrong[needed > epsilon].any()
    assert change_norms(attacked, images, norm).max() <= epsilon * (1 + 1e-5)


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_images_stay_between_0_and_1_and_within_epsilon(norm):
    student = linear_student(classes=3)
    images = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    attacked = pgd(student, images, torch.arange(20) % 3, norm=norm, epsilon=0.5, steps=3, restarts=1, seed=0)
    changes = change_norms(attacked, images, norm)
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert 0 < changes.max() <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize("classes", [2, 12])
def test_more_restarts_never_find_less(classes):
    student = linear_student(classes)
    images, labels = labelled_images(student, 30)

    def losses(restarts):
        attacked = pgd(student, images, labels, norm="Linf", epsilon=0.01, steps=2, restarts=restarts, seed=5)
        with torch.no_grad():
            logits = student(attacked)[0]
        wrong = logits.argmax(1) != labels
        return wrong, torch.nn.functional.cross_entropy(logits, labels, reduction="none")

    (wrong_none, loss_none), (wrong_1, loss_1), (wrong_4, loss_4) = losses(0), losses(1), losses(4)
    assert (wrong_1 >= wrong_none).all()
    assert (wrong_4 >= wrong_1).all()
    assert (loss_1 > loss_none).all()
    assert (loss_4 >= loss_1)[wrong_4 == wrong_1].all()


def test_the_same_seed_gives_the_same_images():
    student = linear_student(classes=4)
    images, labels = labelled_images(student, 8)
    once, again, other = (
        pgd(student, images, labels, norm="L2", epsilon=0.1, steps=1, restarts=1, seed=seed) for seed in (3, 3, 4)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_the_students_modes_and_gradients_are_as_before():
    student = linear_student(classes=4).train()
    student.backbone[0].eval()
    student.backbone[1].bias.requires_grad_(requires_grad=False)
    images, labels = labelled_images(student, 4)
    state = torch.get_rng_state()
    pgd(student, images, labels, norm="Linf", epsilon=0.1, steps=2, restarts=1, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert student.training
    assert not student.backbone[0].training
    assert student.backbone[1].weight.requires_grad
    assert not student.backbone[1].bias.requires_grad
    assert student.backbone[1].weight.grad is None


def test_the_attacked_student_is_in_evaluation_mode():
    student = linear_student(classes=4)
    student.backbone.insert(0, torch.nn.Dropout(0.9))
    images, labels = labelled_images(student.eval(), 4)
    once, again = (
        pgd(student.train(), images, labels, norm="Linf", epsilon=0.1, steps=2, restarts=1, seed=0) for _ in range(2)
    )
    assert torch.equal(once, again)


def test_one_step_from_any_start_reaches_the_border():
    student = linear_student(classes=2)
    images, labels = labelled_images(student, 60)
    needed = distances(student, images, labels, "Linf")
    epsilon = float(needed.sort().values[29:31].mean())
    attacked = pgd(student, images, labels, norm="Linf", epsilon=epsilon, steps=1, restarts=1, seed=0)
    assert (student(attacked)[0].argmax(1) != labels).tolist() == (needed < epsilon).tolist()


def test_a_misclassified_image_is_worse_than_a_higher_loss():
    def attempt(value, wrong, loss):
        images = torch.full((3, 3, 1, 1), value)
        return _Attempt(images, torch.tensor(wrong), torch.tensor(loss), images)

    first = attempt(1.0, [False, True, True], [2.0, 0.5, 0.5])
    second = attempt(2.0, [True, False, True], [1.0, 3.0, 0.6])
    for worst in (_worse(first, second), _worse(second, first)):
        assert worst.images_B3SS.flatten(1)[:, 0].tolist() == [2, 1, 2]
        assert worst.wrong_B.tolist() == [True, True, True]
        assert worst.loss_B.tolist() == pytest.approx([1, 0.5, 0.6])


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_where_the_gradient_is_not_a_number_no_image_is_fooled_by_it(norm):
    student = behind(NoNumberForGradient(), classes=2)
    images, labels = labelled_images(student, 6)
    attacked = pgd(student, images, labels, norm=norm, epsilon=1e-6, steps=3, restarts=2, seed=0)
    assert attacked.isfinite().all()
    assert (student(attacked)[0].argmax(1) == labels).all()
