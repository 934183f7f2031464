"""A student whose class logits are linear in the image: how far its robust accuracy falls is known in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmkd_ray.students.attacks.ball import Norm
from mmkd_ray.students.model import Student

_SIZE = 8


def linear_student(classes: int) -> Student:
    """Random weights, one aspect."""
    torch.manual_seed(classes)
    return Student(nn.Sequential(nn.Flatten(), nn.Linear(3 * _SIZE**2, classes + 1)), classes, aspects=1)


def behind(layer: nn.Module, classes: int = 4) -> Student:
    """The linear student behind a layer."""
    return Student(nn.Sequential(layer, *linear_student(classes).backbone), classes, aspects=1)


class NoNumberForGradient(nn.Module):
    """Leaves images as they are; the gradient is not a number."""

    def forward(self, images: Tensor) -> Tensor:
        """The images."""
        return images + (images - images).sqrt()


def labelled_images(student: Student, count: int) -> tuple[Tensor, Tensor]:
    """Images that keep 0.25 from black and white, labelled with the class that the student gives them."""
    images = 0.25 + 0.5 * torch.rand(count, 3, _SIZE, _SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return images, student(images)[0].argmax(1)


def distances(student: Student, images: Tensor, labels: Tensor, norm: Norm) -> Tensor:
    """The smallest change that makes each image's class wrong: margin over the dual norm of the weights' difference."""
    linear = student.backbone[1]
    weights = linear.weight.detach()[: student.classes].unflatten(1, (3, -1)) / student.std.view(3, 1)
    weights = weights.flatten(1)
    with torch.no_grad():
        logits = student(images)[0]
    margins = logits.gather(1, labels[:, None]) - logits
    slopes = (weights[labels][:, None] - weights).norm(p=1 if norm == "Linf" else 2, dim=2)
    return (margins / slopes).scatter(1, labels[:, None], float("inf")).amin(1)


def change_norms(changed: Tensor, images: Tensor, norm: Norm) -> Tensor:
    """How far each image was changed."""
    return (changed - images).flatten(1).norm(p=float("inf") if norm == "Linf" else 2, dim=1)
