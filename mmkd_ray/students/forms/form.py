"""What a form is: how a student's weights are stored, and what makes a network of them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float32, UInt8
from torch import Tensor

from mmkd_ray.artifacts import Folder
from mmkd_ray.students.card import Card

Network = Callable[[UInt8[Tensor, "B 3 S S"]], tuple[Float32[Tensor, "B C"], Float32[Tensor, "B Q"]]]
"""Given RGB images: class logits and aspect logits, on the CPU; Q is 0 for an export without aspects."""


@dataclass(frozen=True)
class Form:
    """One way to store a student."""

    weights: str
    """Name of the file of weights, whose hash is in the card."""
    load: Callable[[Card, bytes, Folder], Network]
    """Given the card, the content of that file and the folder: the network. It raises MmkdError where a package is not
    installed, StudentError where the card is wrong, and any error where the file is."""
