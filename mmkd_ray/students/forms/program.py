"""The form of `torch.export`: a program that runs wherever PyTorch does, without timm and without this package."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from mmkd_ray.artifacts import Folder
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms.form import Form


@dataclass(frozen=True)
class ProgramNetwork:
    """A `Network` that is an exported program: float32 images in [0, 1] in, one tensor of logits a kind out."""

    module: Any

    def __call__(self, images_B3SS: UInt8[Tensor, "B 3 S S"]) -> tuple[Float32[Tensor, "B C"], Float32[Tensor, "B Q"]]:
        """See `Network`."""
        with torch.no_grad():
            class_logits_BC, *aspects = self.module(images_B3SS.float() / 255)
        return class_logits_BC, aspects[0] if aspects else class_logits_BC.new_empty((len(class_logits_BC), 0))


def load(card: Card, content: bytes, folder: Folder) -> ProgramNetwork:
    """See `Form`."""
    del card, folder
    return ProgramNetwork(torch.export.load(io.BytesIO(content)).module())


PROGRAM = Form("student.pt2", load)
