"""The rival: JPEGs as one would feed them to a student without this package. It imports nothing of mmkd_ray.

torchvision's ImageFolder, its RandomResizedCrop and flip, a DataLoader, timm's ResNet-18.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import timm
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def feed_rate(folder: str, loaders: int, batch_size: int, epochs: int, from_disk: bool = False) -> float:
    """Images a second that come ready for a student, over all epochs but the first.

    Args:
        folder: of class folders.
        loaders: processes of the DataLoader.
        batch_size: images of a step.
        epochs: at least two.
        from_disk: whether the kernel forgets the files before each epoch.
    """
    loader = _loader(folder, loaders, batch_size, None)
    seen, seconds = 0, 0.0
    for epoch in range(epochs):
        for file in Path(folder).rglob("*.*") if from_disk else []:
            with file.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        started = time.perf_counter()
        for images, _ in loader:
            seen += len(images) if epoch else 0
        seconds += time.perf_counter() - started if epoch else 0
    return seen / seconds


def train(folder: str, loaders: int, batch_size: int, steps: int, epochs: int, threads: int) -> list[list[float]]:
    """Train ResNet-18 at 224 px; when each step of each epoch ended.

    Args:
        folder: of class folders.
        loaders: processes of the DataLoader.
        batch_size: images of a step.
        steps: of an epoch.
        epochs: how many.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    loader = _loader(folder, loaders, batch_size, steps)
    model = timm.create_model("resnet18", num_classes=2)
    model = model.to(memory_format=torch.channels_last).train()  # pyrefly: ignore (torch documents it)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, fused=True)
    ends: list[list[float]] = []
    for _ in range(epochs):
        ends.append([])
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images.contiguous(memory_format=torch.channels_last)), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            ends[-1].append(time.perf_counter())
    return ends


def _loader(folder: str, loaders: int, batch_size: int, steps: int | None) -> DataLoader:
    seen = transforms.Compose(
        [
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    pictures = ImageFolder(folder, seen)
    return DataLoader(
        pictures,
        batch_size=batch_size,
        sampler=RandomSampler(pictures, num_samples=steps * batch_size if steps else None),
        num_workers=loaders,
        persistent_workers=loaders > 0,
        drop_last=True,
    )
