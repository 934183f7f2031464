"""The form of a run's own students: all weights in one safetensors file, the model built by its card."""

from __future__ import annotations

from dataclasses import dataclass

import safetensors.torch
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from mmkd_ray.artifacts import Folder
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms.form import Form
from mmkd_ray.students.model import Student, build_student
from mmkd_ray.students.outputs import outputs


@dataclass(frozen=True)
class StudentNetwork:
    """A `Network` that is a PyTorch module; it may be moved to another device."""

    student: Student
    """In evaluation mode."""

    def __call__(self, images_B3SS: UInt8[Tensor, "B 3 S S"]) -> tuple[Float32[Tensor, "B C"], Float32[Tensor, "B Q"]]:
        """See `Network`."""
        return outputs(self.student, [images_B3SS])


def load(card: Card, content: bytes, folder: Folder) -> StudentNetwork:
    """See `Form`."""
    del folder
    student = build_student(card.config, classes=card.classes, aspects=len(card.questions))
    student.load_state_dict(safetensors.torch.load(content))
    return ready(student, card)


def ready(student: Student, card: Card) -> StudentNetwork:
    """A student that has its weights, with the normalisation that it was trained with, whatever timm says by now."""
    student.mean.copy_(torch.tensor(card.mean).view(1, 3, 1, 1))
    student.std.copy_(torch.tensor(card.std).view(1, 3, 1, 1))
    return StudentNetwork(student.eval().requires_grad_(False))


OWN = Form("student.safetensors", load)
