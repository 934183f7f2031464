"""The form of ONNX: one file that onnxruntime, and much else, runs without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from mmkd_ray.artifacts import Folder
from mmkd_ray.errors import ConfigError
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms.form import Form

INPUT, CLASSES, ASPECTS = "images", "class_logits", "aspect_logits"
"""Names of the model's input and outputs."""


@dataclass(frozen=True)
class OnnxNetwork:
    """A `Network` that onnxruntime runs: float32 images in [0, 1] in, one array of logits a kind out."""

    session: Any

    def __call__(self, images_B3SS: UInt8[Tensor, "B 3 S S"]) -> tuple[Float32[Tensor, "B C"], Float32[Tensor, "B Q"]]:
        """See `Network`."""
        class_logits_BC, *aspects = self.session.run(None, {INPUT: images_B3SS.numpy().astype(np.float32) / 255})
        aspect_logits_BQ = aspects[0] if aspects else np.empty((len(class_logits_BC), 0), np.float32)
        return torch.from_numpy(class_logits_BC), torch.from_numpy(aspect_logits_BQ)


def onnxruntime() -> ModuleType:
    """The package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import onnxruntime as package  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ConfigError(
            "ONNX: the package onnxruntime is not installed: install the extra `onnx` (`uv pip install "
            "'mmkd-ray[onnx]'`), or use an export of another form"
        ) from error
    return package


def load(card: Card, content: bytes, folder: Folder) -> OnnxNetwork:
    """See `Form`: on CPUs, by as many threads as PyTorch takes."""
    del card, folder
    package = onnxruntime()
    options = package.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return OnnxNetwork(package.InferenceSession(content, options, providers=["CPUExecutionProvider"]))


ONNX = Form("student.onnx", load)
