import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray.students.losses import hybrid_loss


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
