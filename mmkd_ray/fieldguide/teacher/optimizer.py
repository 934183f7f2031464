"""Muon for matrices, AdamW for the rest, one learning-rate schedule for both."""

from collections.abc import Iterable

import torch
from torch import nn


class Optimizers:
    """Steps Muon and AdamW together; the learning rates rise for `warmup` steps and fall in the last three quarters."""

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, nn.Parameter]],
        *,
        muon_rate: float,
        adam_rate: float,
        total_steps: int,
        warmup: int = 60,
    ) -> None:
        matrices, others = _divide(named_parameters)
        self._optimizers = (
            torch.optim.Muon(matrices, lr=muon_rate, momentum=0.95, weight_decay=0.01),
            torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.98), weight_decay=0.01),
        )
        self._parameters = [*matrices, *others]

        def factor(step: int) -> float:
            return min((step + 1) / warmup, 1.0, (total_steps - step) / (0.75 * total_steps))

        self._schedules = [torch.optim.lr_scheduler.LambdaLR(optimizer, factor) for optimizer in self._optimizers]

    def step(self, loss: torch.Tensor) -> None:
        """Backward pass, clipped update of all parameters, next learning rate."""
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        for optimizer, schedule in zip(self._optimizers, self._schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()


def _divide(named_parameters: Iterable[tuple[str, nn.Parameter]]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Matrices that map hidden states to hidden states for Muon; embeddings, heads, biases and norms for AdamW."""
    matrices, others = [], []
    for name, parameter in named_parameters:
        if parameter.ndim == 2 and "embed" not in name and "head" not in name:
            matrices.append(parameter)
        else:
            others.append(parameter)
    return matrices, others
