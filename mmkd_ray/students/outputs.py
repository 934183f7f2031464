"""What a student says of images: its logits, in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import UInt8
from torch import Tensor

from mmkd_ray.students.model import Student

BATCH = 256
"""Images at a time: fixed, since logits depend on it in their last bits."""


@torch.no_grad()
def outputs(student: Student, batches: Iterable[UInt8[Tensor, "B 3 S S"]]) -> tuple[Tensor, Tensor]:
    """Class logits [N, C] and aspect logits [N, Q] of decoded images, on the CPU, in evaluation mode.

    Args:
        student: on any device.
        batches: the N images, `BATCH` at a time.
    """
    was_training = student.training
    student.eval()
    device = next(student.parameters()).device
    said = [student(images_B3SS.to(device).float() / 255) for images_B3SS in batches]
    student.train(was_training)
    class_logits_NC = torch.cat([classes for classes, _ in said]).float().cpu()
    aspect_logits_NQ = torch.cat([aspects for _, aspects in said]).float().cpu()
    return class_logits_NC, aspect_logits_NQ
