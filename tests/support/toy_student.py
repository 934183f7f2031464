"""A toy training: three classes by colour, 16 px, two aspects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from mmkd_ray.config import StudentConfig, TrainConfig
from mmkd_ray.data.feed.pixels import Pixels
from mmkd_ray.students.model import build_student
from mmkd_ray.students.targets.flips import mirrored_targets
from mmkd_ray.students.targets.training_set import TrainingSet
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer

STUDENT = StudentConfig(model="resnet18", model_args={"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}, image_size=16)
WITHOUT_BATCH_NORM = StudentConfig(
    model="convnext_atto", model_args={"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 16], "patch_size": 1}, image_size=16
)
CONFIG = TrainConfig(epochs=12, batch_size=16, optimizer="adamw", lr=0.01, alpha=2, crop_scale=(0.7, 1.0))


def pixels(count: int, seed: int) -> Pixels:
    """Images whose class is the strongest colour."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randint(0, 90, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), labels] += 120
    return Pixels([str(i) for i in range(count)], ["train"] * count, labels, images)


def student(config: StudentConfig = STUDENT, seed: int = 0) -> Any:
    """A student with its first weights."""
    torch.manual_seed(seed)
    return build_student(config, classes=3, aspects=2)


def training_set(*, targets: bool = True, sensitive: tuple[bool, bool] = (False, False), **more: Any) -> TrainingSet:
    """Aspects: is it of class 0, is it of class 1?"""
    train = pixels(48, 0)
    taught = TrainingSet(train, pixels(24, 1))
    if targets:
        answers = torch.stack([(train.labels_N == 0).float(), (train.labels_N == 1).float()], dim=1)
        flipped = mirrored_targets(answers.numpy(), how="mask", sensitive_Q=sensitive, mirror_Q=(None, None))
        taught = replace(taught, aspect_targets_NQ=answers, mirrored_targets_NQ=torch.from_numpy(flipped))
    return replace(taught, **more)


def trainer(config: TrainConfig = CONFIG, *, seed: int = 0, **lesson_args: Any) -> StudentTrainer:
    """A trainer of the small ResNet; of the small ConvNeXt in mixed precision.

    torch 2.13 leaves some of the weights' gradients of a bfloat16 convolution unset on CPUs where the image is smaller
    than the kernel, as in the ResNet's last stage here.
    """
    made = student(STUDENT if config.precision == "float32" else WITHOUT_BATCH_NORM, seed=seed)
    return StudentTrainer(made, made, training_set(**lesson_args), config, task=CLASSIFY, image_size=16, seed=seed)


def run(training: StudentTrainer, epochs: int = CONFIG.epochs) -> StudentTrainer:
    """Train up to so many epochs."""
    while training.epochs_done < epochs:
        training.run_epoch()
    return training
