"""What a student says of images: its logits, in evaluation mode."""

from __future__ import annotations

import torch
from jaxtyping import UInt8
from torch import Tensor

from mmkd_ray.students.model import Student

BATCH = 256
"""Images at a time: fixed, since logits depend on it in their last bits."""


@torch.no_grad()
def outputs(student: Student, images_N3SS: UInt8[Tensor, "N 3 S S"]) -> tuple[Tensor, Tensor]:
    """Class logits [N, C] and aspect logits [N, Q] of decoded images, on the CPU, in evaluation mode."""
    was_training = student.training
    student.eval()
    device = next(student.parameters()).device
    batches = [student(images.to(device).float() / 255) for images in images_N3SS.split(BATCH)]
    student.train(was_training)
    class_logits_NC = torch.cat([classes for classes, _ in batches]).float().cpu()
    aspect_logits_NQ = torch.cat([aspects for _, aspects in batches]).float().cpu()
    return class_logits_NC, aspect_logits_NQ
