"""The rival: images predicted as one would without this package. It imports nothing of mmkd_ray.

A Dataset that Pillow decodes, torchvision's Resize and CenterCrop, a DataLoader, timm's model.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Pictures(Dataset[Tensor]):
    """The pictures of a list, as a student takes them."""

    def __init__(self, paths: list[str], size: int, crop_pct: float) -> None:
        self._paths = paths
        self._seen = transforms.Compose(
            [
                transforms.Resize(round(size / crop_pct), transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(size),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self._paths[index]) as image:
            return self._seen(image.convert("RGB"))


def predict_rate(
    folder: str,
    model: str,
    model_args: dict[str, Any],
    size: int,
    crop_pct: float,
    outputs: int,
    batch: int,
    loaders: int,
) -> float:
    """Images a second, from the listing of the folder to the last image's probabilities.

    Args:
        folder: of JPEG files, at any depth.
        model: of timm, with first weights.
        model_args: of the model.
        size: height and width that it takes.
        crop_pct: share of a square's side that it is shown.
        outputs: of the model.
        batch: images that are predicted together.
        loaders: processes of the DataLoader.
    """
    network = timm.create_model(model, num_classes=outputs, **model_args).eval()
    network = network.to(memory_format=torch.channels_last)  # pyrefly: ignore (torch documents it)
    started = time.perf_counter()
    paths = sorted(map(str, Path(folder).rglob("*.jpg")))
    loader = DataLoader(Pictures(paths, size, crop_pct), batch_size=batch, num_workers=loaders)
    seen = 0
    with torch.inference_mode():
        for images in loader:
            probabilities = network(images.contiguous(memory_format=torch.channels_last)).softmax(dim=1)
            seen += len(probabilities.tolist())
    return seen / (time.perf_counter() - started)
