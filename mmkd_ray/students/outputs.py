"""What a student says of images: its logits, in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mmkd_ray.students.model import Student

Images = UInt8[Tensor, "B 3 S S"] | Float[Tensor, "B 3 S S"]
"""Of 0 to 255, or in [0, 1]."""
BATCH = 256
"""Images at a time: fixed, since logits depend on it in their last bits."""


def outputs(student: Student, batches: Iterable[Images]) -> tuple[Tensor, Tensor]:
    """Class logits [N, C] and aspect logits [N, Q] of decoded images, on the CPU, in evaluation mode.

    Args:
        student: on any device.
        batches: the N images, `BATCH` at a time.
    """
    (said,) = outputs_of([student], batches)
    return said


def outputs_of(students: Sequence[Student], batches: Iterable[Images]) -> list[tuple[Tensor, Tensor]]:
    """The same of several students, which look at each batch in turn.

    Args:
        students: all on one device.
        batches: as for `outputs`; whoever makes them may need gradients of the first student.
    """
    were_training = [student.training for student in students]
    for student in students:
        student.eval()
    device = next(students[0].parameters()).device
    said: list[list[tuple[Tensor, Tensor]]] = [[] for _ in students]
    for images_B3SS in batches:
        with torch.no_grad():
            seen = images_B3SS.to(device)
            seen = seen.float() / 255 if seen.dtype == torch.uint8 else seen
            for student, so_far in zip(students, said, strict=True):
                so_far.append(student(seen))
    for student, was_training in zip(students, were_training, strict=True):
        student.train(was_training)
    return [
        (
            torch.cat([classes for classes, _ in so_far]).float().cpu(),
            torch.cat([aspects for _, aspects in so_far]).float().cpu(),
        )
        for so_far in said
    ]
