"""The rival: a training recipe as one would write it with torchvision and timm. It imports nothing of mmkd_ray.

Pictures are read from their files for each step, seen by torchvision's own transforms, and never kept.
"""

from __future__ import annotations

import math
from typing import Any

import timm
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms import InterpolationMode

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def accuracy(folder: str, recipe: dict[str, Any], seed: int) -> float:
    """Train on `train/`, and the share of `test/` that is right after the last epoch.

    Args:
        folder: with class folders in both.
        recipe: `fit` (crop or squash), `size`, `crop_pct`, `crop_scale`, `epochs`, `batch_size`, `lr`, `weight_decay`,
            `model`, `model_args`.
        seed: of all randomness.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    size, bicubic = recipe["size"], InterpolationMode.BICUBIC
    squashed = [transforms.Resize((size, size), bicubic)]
    seen = transforms.Compose(
        [
            *(squashed if recipe["fit"] == "squash" else []),
            transforms.RandomResizedCrop(size, scale=tuple(recipe["crop_scale"])),
            transforms.RandomHorizontalFlip(),
            *_tensor(),
        ]
    )
    middle = [transforms.Resize(round(size / recipe["crop_pct"]), bicubic), transforms.CenterCrop(size)]
    tested = transforms.Compose([*(squashed if recipe["fit"] == "squash" else middle), *_tensor()])
    pictures = ImageFolder(f"{folder}/train", seen)
    loader = DataLoader(pictures, batch_size=recipe["batch_size"], shuffle=True, drop_last=True)
    model = timm.create_model(recipe["model"], num_classes=len(pictures.classes), **recipe["model_args"]).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe["lr"], weight_decay=recipe["weight_decay"])
    step, steps = 0, recipe["epochs"] * len(loader)
    for _ in range(recipe["epochs"]):
        for images, labels in loader:
            optimizer.param_groups[0]["lr"] = recipe["lr"] * 0.5 * (1 + math.cos(math.pi * step / steps))
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
    return _share_right(model.eval(), DataLoader(ImageFolder(f"{folder}/test", tested), batch_size=256))


@torch.no_grad()
def _share_right(model: nn.Module, loader: DataLoader) -> float:
    right = torch.cat([model(images).argmax(dim=1) == labels for images, labels in loader])
    return float(right.double().mean())


def _tensor() -> list[Any]:
    return [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
