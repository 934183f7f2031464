"""An ONNX model in int8: weights per channel, activations by ranges that are measured on images."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from mmkd_ray.students.forms.onnx import INPUT

CALIBRATED_ON = 256
"""Images: more change the ranges little."""
_BATCH = 32


def quantise(file: Path, images_N3SS: UInt8[Tensor, "N 3 S S"]) -> None:
    """Replace a float32 model by its int8 version (onnxruntime's static quantisation, QDQ).

    Args:
        file: of the model.
        images_N3SS: what it will see, as training images are.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static  # noqa: PLC0415 (an extra)
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    with TemporaryDirectory(prefix="mmkd_ray-") as place:
        prepared, quantised = Path(place, "prepared.onnx"), Path(place, "int8.onnx")
        quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(quantised),
            _reader(images_N3SS),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Seven bits a weight: on CPUs without VNNI instructions sums of 8 x 8 bits overflow, and a file must be
            # right on all.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        file.write_bytes(quantised.read_bytes())


def _reader(images_N3SS: UInt8[Tensor, "N 3 S S"]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader  # noqa: PLC0415 (an extra)

    class Reader(CalibrationDataReader):
        """Gives the images batch by batch, then None."""

        def __init__(self) -> None:
            self.batches = iter(images_N3SS.split(_BATCH))

        def get_next(self) -> Any:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch.numpy().astype(np.float32) / 255}

    return Reader()
