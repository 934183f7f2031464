"""The images that an attack may choose from: within epsilon of the clean ones, values in [0, 1]."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Norm = Literal["Linf", "L2"]
"""How a change is measured: its largest value, or the root of the sum of its squares over an image's values."""


def project(
    images_B3SS: Float[Tensor, "B 3 S S"], clean_B3SS: Float[Tensor, "B 3 S S"], *, norm: Norm, epsilon: float
) -> Float[Tensor, "B 3 S S"]:
    """The images, moved into the ball around the clean ones and into [0, 1].

    Clamping to [0, 1] comes last: the clean images are in that range, so it moves no value away from them.
    """
    change = images_B3SS - clean_B3SS
    if norm == "Linf":
        change = change.clamp(-epsilon, epsilon)
    else:
        change = change * (epsilon / lengths(change).clamp(min=epsilon))
    return (clean_B3SS + change).clamp(0, 1)


def steepest(gradient_B3SS: Float[Tensor, "B 3 S S"], norm: Norm) -> Float[Tensor, "B 3 S S"]:
    """The change of norm 1 along which a loss grows fastest; 0 where the gradient is 0."""
    if norm == "Linf":
        return gradient_B3SS.sign()
    return gradient_B3SS / lengths(gradient_B3SS).clamp(min=torch.finfo(gradient_B3SS.dtype).tiny)


def random_change(
    shape: torch.Size, *, norm: Norm, epsilon: float, generator: torch.Generator
) -> Float[Tensor, "B 3 S S"]:
    """A random change within epsilon, on the CPU: L-inf uniform in the cube; L2 uniform in direction and in length."""
    if norm == "Linf":
        return epsilon * (2 * torch.rand(shape, generator=generator) - 1)
    direction = steepest(torch.randn(shape, generator=generator), norm)
    return epsilon * torch.rand(shape[0], 1, 1, 1, generator=generator) * direction


def lengths(changes_B3SS: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B 1 1 1"]:
    """The 2-norm of each image's values."""
    return changes_B3SS.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
