"""Projected gradient descent (Madry et al. 2018, arXiv 1706.06083)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from mmkd_ray.students.attacks.ball import Norm, project, random_change, steepest
from mmkd_ray.students.attacks.victim import Victim, victim
from mmkd_ray.students.model import Student

_STEP = 2.5
"""Length of a step times the number of steps, in epsilons: enough to reach the border from any start (Madry et al.)."""


def pgd(
    student: Student,
    images_B3SS: Float[Tensor, "B 3 S S"],
    labels_B: Int[Tensor, " B"],
    *,
    norm: Norm,
    epsilon: float,
    steps: int,
    restarts: int,
    seed: int,
) -> Float[Tensor, "B 3 S S"]:
    """Images that raise the cross-entropy of the true class: what survives is an upper bound of the robust accuracy.

    Args:
        student: is attacked in evaluation mode; its modes and gradients are as before at the end.
        images_B3SS: values in [0, 1], on the student's device.
        labels_B: the true classes.
        norm: of the change.
        epsilon: the largest change, in values of [0, 1]. Published: L-inf 8/255 (CIFAR) or 4/255 (ImageNet), L2 0.5
            (CIFAR).
        steps: gradient steps from each start.
        restarts: random starts; each is followed for all steps.
        seed: of the starts. The same seed, images and order give the same result.

    Returns:
        For each image the worst that was seen in any step of any restart, the clean image included: a misclassified
        one before one that is not, then that of the highest loss.
    """
    generator = torch.Generator().manual_seed(seed)
    with victim(student) as logits_of:
        worst = _evaluate(logits_of, images_B3SS, labels_B)
        for _ in range(restarts):
            change = random_change(images_B3SS.shape, norm=norm, epsilon=epsilon, generator=generator).to(images_B3SS)
            now = _evaluate(logits_of, project(images_B3SS + change, images_B3SS, norm=norm, epsilon=epsilon), labels_B)
            for _ in range(steps):
                worst = _worse(worst, now)
                step = steepest(now.gradient_B3SS, norm) * (_STEP * epsilon / steps)
                images = project(now.images_B3SS + step, images_B3SS, norm=norm, epsilon=epsilon)
                now = _evaluate(logits_of, images, labels_B)
            worst = _worse(worst, now)
    return worst.images_B3SS


@dataclass(frozen=True)
class _Attempt:
    """Images and what the student makes of them."""

    images_B3SS: Float[Tensor, "B 3 S S"]
    wrong_B: Bool[Tensor, " B"]
    loss_B: Float[Tensor, " B"]
    gradient_B3SS: Float[Tensor, "B 3 S S"]


def _evaluate(logits_of: Victim, images_B3SS: Float[Tensor, "B 3 S S"], labels_B: Int[Tensor, " B"]) -> _Attempt:
    with torch.enable_grad():
        images_B3SS = images_B3SS.detach().requires_grad_()
        logits_BC = logits_of(images_B3SS)
        loss_B = cross_entropy(logits_BC, labels_B, reduction="none")
        (gradient_B3SS,) = torch.autograd.grad(loss_B.sum(), images_B3SS)
    # Along a gradient that is not a number the next image is none; its loss is none either, and it counts for nothing.
    wrong_B = (logits_BC.argmax(1) != labels_B) & ~loss_B.isnan()
    return _Attempt(images_B3SS.detach(), wrong_B, loss_B.detach(), gradient_B3SS)


def _worse(first: _Attempt, second: _Attempt) -> _Attempt:
    """For each image the attempt that is worse for the student."""
    take_B = (second.wrong_B & ~first.wrong_B) | ((second.wrong_B == first.wrong_B) & (second.loss_B > first.loss_B))
    take_B111 = take_B.view(-1, 1, 1, 1)
    return _Attempt(
        torch.where(take_B111, second.images_B3SS, first.images_B3SS),
        torch.where(take_B, second.wrong_B, first.wrong_B),
        torch.where(take_B, second.loss_B, first.loss_B),
        torch.where(take_B111, second.gradient_B3SS, first.gradient_B3SS),
    )
