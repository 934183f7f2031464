"""A timm model as a student: C class logits and Q aspect logits from one output layer."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmkd_ray.config import Config, StudentConfig
from mmkd_ray.config.locations import absolute
from mmkd_ray.data.fit import Fit
from mmkd_ray.errors import StudentError, first_line


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


@dataclass(frozen=True)
class StudentInput:
    """What images a student takes."""

    size: int
    """Height and width in pixels."""
    interpolation: str
    """How timm resizes for it: `bicubic`, `bilinear`, ..."""
    crop_pct: float
    """Share of a square's side that it is evaluated on."""
    mean: tuple[float, ...]
    """Its mean colour, in [0, 1]."""

    @property
    def colour(self) -> tuple[int, int, int]:
        """Its mean colour, in [0, 255]."""
        red, green, blue = (round(255 * value) for value in self.mean)
        return red, green, blue


def student_input(config: StudentConfig) -> StudentInput:
    """The images that a student takes: as timm's data config of the model says, but for what is set.

    Raises:
        StudentError: timm has no such model, or refuses its arguments.
    """
    return _student_input(config.model_dump_json())


@lru_cache
def _student_input(config_json: str) -> StudentInput:
    config = StudentConfig.model_validate_json(config_json)
    with torch.device("meta"):
        backbone = _backbone(config, outputs=2, pretrained=False)
    data_config: dict[str, Any] = timm.data.resolve_model_data_config(backbone)
    height = data_config["input_size"][-1]
    return StudentInput(
        config.image_size or int(height),
        str(data_config["interpolation"]),
        config.crop_pct or float(data_config["crop_pct"]),
        tuple(data_config["mean"]),
    )


def evaluation_fit(config: Config) -> Fit:
    """How a picture becomes the square that a student is validated and tested on."""
    taken = student_input(config.student)
    return Fit(config.data.fit, taken.size, taken.interpolation, taken.crop_pct, taken.colour)


def training_fit(config: Config) -> Fit:
    """How a picture is resized before random crops are taken of it."""
    taken, size = student_input(config.student), config.train.decode_size
    how = "whole" if config.data.fit == "crop" else config.data.fit
    pixels = None if size == "full" else size or round(taken.size / taken.crop_pct)
    return Fit(how, pixels, taken.interpolation, fill=taken.colour)


def check_student(config: StudentConfig) -> None:
    """Build the student once, without its pretrained weights.

    Raises:
        StudentError: as for `build_student`; or a local file of weights is not there.
    """
    if isinstance(config.pretrained, str) and not Path(absolute(config.pretrained)).is_file():
        raise StudentError(
            f"student.pretrained: no file {absolute(config.pretrained)}; accepted are true (timm's "
            "own weights), false, or the path of a file of weights that every node can reach"
        )
    build_student(config.model_copy(update={"pretrained": False}), classes=2, aspects=1)


def build_student(config: StudentConfig, *, classes: int, aspects: int) -> Student:
    """Make the student; its initial weights come from torch's global generator.

    Raises:
        StudentError: timm has no such model, or refuses its arguments, its weights or the image size.
    """
    size = student_input(config).size
    backbone = _backbone(config, outputs=classes + aspects, pretrained=bool(config.pretrained))
    student = Student(backbone, classes, aspects)
    try:
        with torch.no_grad():
            student.eval()(torch.zeros(1, 3, size, size))
    except Exception as error:  # timm raises any error of the model's code
        raise _refused(config, f" for images of {size} px", error) from error
    return student.train()


def _backbone(config: StudentConfig, *, outputs: int, pretrained: bool) -> nn.Module:
    if not timm.is_model(config.model):
        # As the hub writes it (timm/resnet18.a1_in1k), or as timm's own functions take it (hf-hub:timm/...).
        name = config.model.removeprefix("hf-hub:").removeprefix("hf_hub:").removeprefix("timm/")
        near = [name] if timm.is_model(name) else difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; timm.list_models() lists them"
        if name != config.model and near == [name]:
            hint += " (student.pretrained=true starts from its weights)"
        raise StudentError(f"student.model: timm has no model '{config.model}'{hint}")
    file: dict[str, Any] = {}
    if isinstance(config.pretrained, str):
        file["pretrained_cfg_overlay"] = {"file": absolute(config.pretrained)}
    try:
        return timm.create_model(
            config.model, pretrained=pretrained, num_classes=outputs, **_size_args(config), **file, **config.model_args
        )
    except Exception as error:  # timm raises any error of the model's code
        raise _refused(config, "", error) from error


def _size_args(config: StudentConfig) -> dict[str, Any]:
    """Models of one fixed image size (ViT) need another size as an argument."""
    default = timm.get_pretrained_cfg(config.model, allow_unregistered=True)
    fixed = default is not None and default.fixed_input_size
    if not fixed or config.image_size is None or "img_size" in config.model_args:
        return {}
    return {"img_size": config.image_size}


def _refused(config: StudentConfig, what_for: str, error: Exception) -> StudentError:
    return StudentError(
        f"student: '{config.model}' cannot be built with model_args {config.model_args}{what_for}: {first_line(error)}"
    )
