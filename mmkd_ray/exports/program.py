"""A program of `torch.export`: what `torch.export.load` reads."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.export import Dim

from mmkd_ray.exports.metadata import metadata_of
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms import FORMS
from mmkd_ray.students.model import Student

_TRACED = 2
"""Images of the batch that is traced: 1 would be taken for a constant."""


class Traced(nn.Module):
    """A student as others call it: images in, a tensor for each kind of logits out, all of it float32."""

    def __init__(self, student: Student, *, half: bool) -> None:
        super().__init__()
        self.student = copy.deepcopy(student)
        self.half_precision = half
        if half:
            self.student.backbone.half()

    def forward(self, images: Float32[Tensor, "B 3 S S"]) -> tuple[Float32[Tensor, "B K"], ...]:
        """Class logits [B, C] and, where the student has aspects, aspect logits [B, Q], of RGB values in [0, 1]."""
        student = self.student
        normalised_BCHW: Float[Tensor, "B 3 S S"] = (images - student.mean) / student.std
        if self.half_precision:
            normalised_BCHW = normalised_BCHW.half()
        logits = student.backbone(normalised_BCHW.contiguous(memory_format=torch.channels_last)).float()
        if not student.aspects:
            return (logits,)
        return logits[:, : student.classes], logits[:, student.classes :]


def traceable(card: Card, student: Student) -> tuple[Traced, tuple[Float32[Tensor, "B 3 S S"]]]:
    """What is traced, and the images that it is traced with; the batch is to be of any size."""
    traced = Traced(student, half=card.precision == "float16").eval().requires_grad_(False)
    return traced, (torch.zeros(_TRACED, 3, card.image_size, card.image_size),)


def write(card: Card, student: Student, folder: Path) -> None:
    """Write `student.pt2`, with `metadata.json` in it."""
    module, images = traceable(card, student)
    program = torch.export.export(module, images, dynamic_shapes={"images": {0: Dim("batch")}})
    metadata = {"metadata.json": json.dumps(metadata_of(card), ensure_ascii=False, indent=2)}
    torch.export.save(program, folder / FORMS["torch"].weights, extra_files=metadata)
