"""A timm model as a student: C class logits and Q aspect logits from one output layer."""

from __future__ import annotations

import difflib

import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmkd_ray.config import StudentConfig
from mmkd_ray.errors import StudentError


class Student(nn.Module):
    """Normalisation, backbone and an output layer widened from C to C + Q (paper, section 3.3)."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, classes: int, aspects: int) -> None:
        super().__init__()
        # Channels last: convolution and pooling are faster so on CPUs (0.7 of the time of a step) and on GPUs.
        self.backbone = backbone.to(memory_format=torch.channels_last)  # pyrefly: ignore (torch documents it)
        self.classes, self.aspects = classes, aspects
        # Normalisation sits inside, so that whoever holds the model can hand it plain images.
        data_config = timm.data.resolve_model_data_config(backbone)
        self.register_buffer("mean", torch.tensor(data_config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(data_config["std"]).view(1, 3, 1, 1), persistent=False)

    def forward(self, images_BCHW: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B Q"]]:
        """Class logits and aspect logits of RGB images with values in [0, 1]."""
        normalised_BCHW = (images_BCHW - self.mean) / self.std
        logits = self.backbone(normalised_BCHW.contiguous(memory_format=torch.channels_last))
        return logits[:, : self.classes], logits[:, self.classes :]


def check_student(config: StudentConfig) -> None:
    """Build the student once, without its pretrained weights.

    Raises:
        StudentError: as for `build_student`.
    """
    build_student(config.model_copy(update={"pretrained": False}), classes=2, aspects=1)


def build_student(config: StudentConfig, *, classes: int, aspects: int) -> Student:
    """Make the student; its initial weights come from torch's global generator.

    Raises:
        StudentError: timm has no such model, or refuses its arguments or the image size.
    """
    if not timm.is_model(config.model):
        near = difflib.get_close_matches(config.model, timm.list_models(), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; timm.list_models() lists them"
        raise StudentError(f"student.model: timm has no model '{config.model}'{hint}")
    try:
        backbone = timm.create_model(
            config.model, pretrained=config.pretrained, num_classes=classes + aspects, **config.model_args
        )
        student = Student(backbone, classes, aspects)
        with torch.no_grad():
            student.eval()(torch.zeros(1, 3, config.image_size, config.image_size))
    except Exception as error:  # timm raises whatever the model's own code does
        raise StudentError(
            f"student: '{config.model}' cannot be built with model_args {config.model_args} for images of "
            f"{config.image_size} px: {(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from error
    return student.train()
