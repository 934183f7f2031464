"""Optimiser and learning rate, as the configuration says: the same for every arm."""

from __future__ import annotations

import math

import torch
from torch import nn

from mmkd_ray.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD with momentum (the paper's) or AdamW, each as one fused kernel: 5 % of a small student's step."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=True,
        )
    return torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)


def learning_rate(config: TrainConfig, epoch: float) -> float:
    """The learning rate at a point of the training.

    Args:
        config: the recipe.
        epoch: epochs done so far, with the fraction of the running one.
    """
    if epoch < config.warmup_epochs:
        return config.lr * epoch / config.warmup_epochs
    if config.schedule == "step":
        return config.lr * 0.1 ** sum(epoch >= boundary for boundary in config.step_epochs)
    share = (epoch - config.warmup_epochs) / (config.epochs - config.warmup_epochs)
    return config.lr * 0.5 * (1 + math.cos(math.pi * share))
