import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray.students.losses import dkd_loss, hybrid_loss, kd_loss, soft_cross_entropy, standardise


def test_hand_computed_case():
    # Two images, two classes, two aspects; logits chosen so that every term is a logarithm of a simple number.
    class_logits = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]])
    aspect_logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    targets = torch.tensor([[1.0, 0.25], [0.5, 0.0]])
    cross_entropy = (math.log(2) + math.log(4 / 3)) / 2
    # BCE of p = 3/4 against 1/4: -(1/4 log 3/4 + 3/4 log 1/4)
    second = -(0.25 * math.log(0.75) + 0.75 * math.log(0.25))
    bce = (math.log(2) + second + math.log(2) + math.log(2)) / 4
    loss = hybrid_loss(class_logits, aspect_logits, torch.tensor([1, 0]), aspect_targets_BQ=targets, alpha=4.0)
    assert loss.item() == pytest.approx(cross_entropy + 4 * bce, rel=1e-6)


def test_without_targets_it_is_cross_entropy():
    loss = hybrid_loss(torch.zeros(3, 4), torch.ones(3, 2), torch.tensor([0, 1, 2]), aspect_targets_BQ=None, alpha=4.0)
    assert loss.item() == pytest.approx(math.log(4))


def test_a_masked_target_has_no_influence_and_others_keep_their_weight():
    logits = torch.zeros(1, 2, requires_grad=True)
    targets = torch.tensor([[1.0, math.nan]])
    hybrid_loss(torch.zeros(1, 2), logits, torch.tensor([0]), aspect_targets_BQ=targets, alpha=1.0).backward()
    assert logits.grad[0, 1] == 0
    assert logits.grad[0, 0] == pytest.approx(-0.5 / 2)  # (sigmoid - target) / (B Q)


@given(alpha=st.floats(0, 20), logit=st.floats(-30, 30), target=st.floats(0, 1), aspects=st.integers(1, 5))
def test_it_is_finite_linear_in_alpha_and_smallest_at_the_target(alpha, logit, target, aspects):
    def at(weight, score):
        return hybrid_loss(
            torch.zeros(1, 2, dtype=torch.float64),
            torch.full((1, aspects), score, dtype=torch.float64),
            torch.tensor([0]),
            aspect_targets_BQ=torch.full((1, aspects), target, dtype=torch.float64),
            alpha=weight,
        ).item()

    assert math.isfinite(at(alpha, logit))
    assert at(alpha, logit) - at(0, logit) == pytest.approx(alpha * (at(1, logit) - at(0, logit)), abs=1e-9)
    best = math.log(max(target, 1e-12) / max(1 - target, 1e-12))
    assert at(1, best) <= at(1, logit) + 1e-9


def test_a_question_counts_with_its_weight():
    logits = torch.zeros(1, 2, requires_grad=True)
    hybrid_loss(
        torch.zeros(1, 2),
        logits,
        torch.tensor([0]),
        aspect_targets_BQ=torch.ones(1, 2),
        aspect_weights_Q=torch.tensor([3.0, 0.0]),
        alpha=1.0,
    ).backward()
    assert logits.grad.tolist() == [[pytest.approx(3 * -0.5 / 2), 0.0]]


def test_label_smoothing_is_that_of_the_class_term_alone():
    classes, labels = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    smoothed = hybrid_loss(
        classes, torch.zeros(1, 1), labels, aspect_targets_BQ=None, alpha=4.0, label_smoothing=0.3
    ).item()
    log_p = torch.log_softmax(classes, 1)[0]
    assert smoothed == pytest.approx(-(0.8 * log_p[0] + 0.1 * log_p[1] + 0.1 * log_p[2]).item(), rel=1e-6)


def test_soft_cross_entropy_with_labels_is_cross_entropy_and_nan_teaches_nothing():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1, 0])
    targets = torch.nn.functional.one_hot(labels, 3).float()
    assert torch.allclose(soft_cross_entropy(logits, targets), torch.nn.functional.cross_entropy(logits, labels))
    targets[1:] = math.nan
    alone = torch.nn.functional.cross_entropy(logits[:1], labels[:1]) / 4
    assert torch.allclose(soft_cross_entropy(logits, targets), alone)


def test_distillation_is_zero_at_the_teacher_and_hand_computed_elsewhere():
    teacher = torch.tensor([[math.log(3.0) * 2, 0.0]])  # at temperature 2: 3/4, 1/4
    assert kd_loss(teacher, teacher, temperature=2.0).item() == pytest.approx(0, abs=1e-6)
    expected = 4 * (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    assert kd_loss(torch.zeros(1, 2), teacher, temperature=2.0).item() == pytest.approx(expected, rel=1e-5)


def test_standardised_logits_have_mean_0_and_deviation_1_whatever_their_scale():
    """Hand-computed: of 1, 2, 6 the mean is 3 and the deviation (over n - 1) the root of 7."""
    logits = torch.tensor([[1.0, 2.0, 6.0]], dtype=torch.float64)
    expected = torch.tensor([[-2.0, -1.0, 3.0]], dtype=torch.float64) / math.sqrt(7)
    torch.testing.assert_close(standardise(logits), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(standardise(50 * logits - 7), expected, rtol=1e-6, atol=0)
    assert standardise(torch.ones(1, 3)).tolist() == [[0, 0, 0]]


def logits_strategy(classes):
    return st.lists(st.floats(-8, 8), min_size=classes, max_size=classes)


@given(student=logits_strategy(4), teacher=logits_strategy(4), label=st.integers(0, 3))
def test_decoupled_distillation_parts_what_distillation_adds_up(student, teacher, label):
    """KD = TCKD + (1 - p of the true class) NCKD for one image (arXiv 2203.08679, eq. 5)."""
    student, teacher = torch.tensor([student]).double(), torch.tensor([teacher]).double()
    labels = torch.tensor([label])
    others_weight = 1 - torch.softmax(teacher / 2, 1)[0, label].item()
    whole = kd_loss(student, teacher, temperature=2.0).item()
    parted = dkd_loss(student, teacher, labels, temperature=2.0, beta=others_weight).item()
    assert parted == pytest.approx(whole, abs=1e-6)
