"""An ONNX model in float32 or float16."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType

import torch

from mmkd_ray.errors import ConfigError
from mmkd_ray.exports.metadata import metadata_of
from mmkd_ray.exports.program import traceable
from mmkd_ray.students.card import Card
from mmkd_ray.students.forms import FORMS
from mmkd_ray.students.forms.onnx import ASPECTS, CLASSES, INPUT
from mmkd_ray.students.model import Student


def onnx_package() -> ModuleType:
    """The packages that write ONNX.

    Raises:
        ConfigError: one is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 (an extra)
        import onnxruntime  # noqa: F401, PLC0415
        import onnxscript  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(
            f"--format onnx: the package {error.name} is not installed: install the extra `onnx` (`uv pip install "
            "'mmkd-ray[onnx]'`), or choose --format timm or torch"
        ) from error
    return onnx


def write(card: Card, student: Student, folder: Path) -> None:
    """Write `student.onnx` in float32 or float16, with class names, questions and preprocessing in its metadata."""
    onnx, file = onnx_package(), folder / FORMS["onnx"].weights
    names = [CLASSES, ASPECTS] if student.aspects else [CLASSES]
    module, images = traceable(card, student)
    with redirect_stdout(StringIO()):  # it tells each step
        made = torch.onnx.export(
            module,
            images,
            input_names=[INPUT],
            output_names=names,
            dynamic_shapes={"images": {0: "batch"}},
            dynamo=True,
            verbose=False,
        )
    assert made is not None, "dynamo gives a program"
    made.save(str(file), external_data=False)
    model = onnx.load(file)
    values = {key: value if isinstance(value, str) else _json(value) for key, value in metadata_of(card).items()}
    onnx.helper.set_model_props(model, values)
    onnx.save(model, file)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
