"""The rival: the same training in plain PyTorch, as one would write it without this package.

`torchvision.transforms.v2` in a Dataset, a DataLoader, timm's model, DDP where `torchrun` starts it. It imports nothing
of mmkd_ray, and owes it nothing but the decoded images and the targets, which it is given as tensors:

    python plain_training.py SPEC.json
    torchrun --nproc-per-node=2 plain_training.py SPEC.json
"""

from __future__ import annotations

import copy
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from torchvision.transforms import v2


class Pictures(Dataset):
    """Decoded images, each seen in a new way whenever it is taken; with its label and its targets."""

    def __init__(self, training_set: dict[str, Tensor], transform: v2.Transform) -> None:
        self._images, self._targets = training_set["images"], training_set["targets"]
        self._labels = training_set["labels"].tolist()
        self._transform = transform

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int, Tensor]:
        return self._transform(self._images[index]), self._labels[index], self._targets[index]


def train(spec: dict[str, Any]) -> dict[str, Any]:
    """Train for some epochs.

    Args:
        spec: `training_set` (file of tensors), `model`, `model_args`, `classes`, `size`, `epochs`, `batch_size`, `lr`,
            `weight_decay`, `optimizer`, `momentum`, `fused`, `alpha`, `crop_scale`, `flip`, `brightness`, `seed`,
            `loaders` (processes of the DataLoader), `checkpoint` (a file, or null), `core` (to be bound to, or null).

    Returns:
        `first_batch_s`: from tensors in memory to the end of the first step. `ends`: when each step of each epoch
        ended. `epoch_s`: of each epoch with its validation. `epoch_ends`: when each was over, its checkpoint written.
    """
    torch.set_num_threads(1)
    if spec["core"] is not None:
        os.sched_setaffinity(0, {spec["core"]})
    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if ranks > 1:
        torch.distributed.init_process_group("gloo")
    training_set = torch.load(spec["training_set"], weights_only=True)

    started = time.perf_counter()
    torch.manual_seed(spec["seed"])
    outputs = spec["classes"] + training_set["targets"].shape[1]
    model = timm.create_model(spec["model"], num_classes=outputs, **spec["model_args"])
    model = model.to(memory_format=torch.channels_last)  # pyrefly: ignore (torch documents it)
    normalise = _normalisation(model)
    trained = DistributedDataParallel(model) if ranks > 1 else model
    loader = _loader(spec, training_set, normalise, rank, ranks)
    optimizer = _optimizer(model, spec)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=spec["epochs"] * len(loader))
    cross_entropy, binary_cross_entropy = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()
    held_out = normalise(v2.functional.to_dtype(training_set["val_images"], torch.float32, scale=True))
    best, kept = -1.0, {}
    ends, epoch_s, epoch_ends = [], [], []
    for epoch in range(spec["epochs"]):
        began = time.perf_counter()
        ends.append([])
        if isinstance(loader.sampler, DistributedSampler):
            loader.sampler.set_epoch(epoch)
        trained.train()
        total = torch.zeros(())
        for images, labels, targets in loader:
            logits = trained(images.contiguous(memory_format=torch.channels_last))
            loss = cross_entropy(logits[:, : spec["classes"]], labels)
            loss = loss + spec["alpha"] * binary_cross_entropy(logits[:, spec["classes"] :], targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
            ends[-1].append(time.perf_counter())
        top1 = _top1(model, held_out, training_set["val_labels"], spec["classes"])
        if top1 >= best:
            best, kept = top1, copy.deepcopy(model.state_dict())
        epoch_s.append(time.perf_counter() - began)
        if spec["checkpoint"] and rank == 0:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "best": kept},
                       spec["checkpoint"])  # fmt: skip
        epoch_ends.append(time.perf_counter())
    if ranks > 1:
        torch.distributed.destroy_process_group()
    return {"first_batch_s": ends[0][0] - started, "ends": ends, "epoch_s": epoch_s, "epoch_ends": epoch_ends}


def _normalisation(model: nn.Module) -> v2.Transform:
    data = timm.data.resolve_model_data_config(model)
    return v2.Normalize(mean=data["mean"], std=data["std"])


def _loader(
    spec: dict[str, Any], training_set: dict[str, Tensor], normalise: v2.Transform, rank: int, ranks: int
) -> DataLoader:
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(spec["size"], scale=spec["crop_scale"], ratio=(3 / 4, 4 / 3)),
            v2.RandomHorizontalFlip(spec["flip"]),
            v2.ColorJitter(brightness=spec["brightness"]),
            v2.ToDtype(torch.float32, scale=True),
            normalise,
        ]
    )
    pictures = Pictures(training_set, transform)
    sampler = None
    if ranks > 1:
        sampler = DistributedSampler(pictures, num_replicas=ranks, rank=rank, seed=spec["seed"], drop_last=True)
    return DataLoader(
        pictures,
        batch_size=spec["batch_size"] // ranks,
        shuffle=sampler is None,
        sampler=sampler,
        num_workers=spec["loaders"],
        persistent_workers=spec["loaders"] > 0,
        drop_last=True,
    )


def _optimizer(model: nn.Module, spec: dict[str, Any]) -> torch.optim.Optimizer:
    common = {"lr": spec["lr"], "weight_decay": spec["weight_decay"], "fused": spec["fused"]}
    if spec["optimizer"] == "sgd":
        return torch.optim.SGD(model.parameters(), momentum=spec["momentum"], **common)
    return torch.optim.AdamW(model.parameters(), **common)


@torch.no_grad()
def _top1(model: nn.Module, images: Tensor, labels: Tensor, classes: int) -> float:
    model.eval()
    logits = torch.cat([model(part.contiguous(memory_format=torch.channels_last)) for part in images.split(256)])
    return float((logits[:, :classes].argmax(dim=1) == labels).double().mean())


if __name__ == "__main__":
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    times = train(described)
    if os.environ.get("RANK", "0") == "0":
        Path(described["output"]).write_text(json.dumps(times), encoding="utf-8")
