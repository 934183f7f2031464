"""A student as an attack sees it: a function from images to class logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jaxtyping import Float
from torch import Tensor

from mmkd_ray.students.model import Student

Victim = Callable[[Float[Tensor, "B 3 S S"]], Float[Tensor, "B C"]]
"""Class logits of images in [0, 1]."""


@contextmanager
def victim(student: Student) -> Iterator[Victim]:
    """The student in evaluation mode, its parameters without gradients; both are as before at the end."""
    training = {module: module.training for module in student.modules()}
    with_gradients = {parameter: parameter.requires_grad for parameter in student.parameters()}
    student.eval().requires_grad_(requires_grad=False)
    try:
        yield lambda images_B3SS: student(images_B3SS)[0]
    finally:
        for module, mode in training.items():
            module.training = mode
        for parameter, wanted in with_gradients.items():
            parameter.requires_grad_(wanted)
