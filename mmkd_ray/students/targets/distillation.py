"""A larger student's class logits about the same views as targets of the class logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from mmkd_ray.config import Config
from mmkd_ray.students.losses import dkd_loss, kd_loss, standardise
from mmkd_ray.students.model import Student
from mmkd_ray.students.targets.labels import Labels, Provided, Seen


@dataclass(frozen=True, kw_only=True)
class Distillation(Labels):
    """Labels, and the divergence from a larger student (Hinton et al. 2015)."""

    larger: Student
    weight: float
    temperature: float

    @classmethod
    def make(cls, config: Config, provided: Provided) -> Self:
        """For the students of a configuration."""
        return cls(
            config.train.label_smoothing,
            larger=provided.larger_student(),
            weight=config.train.kd_weight,
            temperature=config.train.kd_temperature,
            **cls._more(config),
        )

    @classmethod
    def _more(cls, config: Config) -> dict[str, float]:
        del config
        return {}

    def to(self, device: torch.device) -> None:
        """Move the larger student."""
        self.larger.to(device)

    def term(self, class_logits_BC: Float[Tensor, "B C"], seen: Seen) -> Tensor:
        """Weighted divergence."""
        with torch.no_grad():
            larger_logits_BC, _ = seen.forward(self.larger, seen.images_BCHW)
        return self.weight * self._divergence(class_logits_BC, larger_logits_BC, seen)

    def _divergence(self, class_logits_BC: Tensor, larger_logits_BC: Tensor, seen: Seen) -> Tensor:
        del seen
        return kd_loss(class_logits_BC, larger_logits_BC, temperature=self.temperature)


@dataclass(frozen=True, kw_only=True)
class DecoupledDistillation(Distillation):
    """The same, decoupled (Zhao et al. 2022)."""

    beta: float

    @classmethod
    def _more(cls, config: Config) -> dict[str, float]:
        return {"beta": config.train.dkd_beta}

    def _divergence(self, class_logits_BC: Tensor, larger_logits_BC: Tensor, seen: Seen) -> Tensor:
        return dkd_loss(class_logits_BC, larger_logits_BC, seen.labels_B, temperature=self.temperature, beta=self.beta)


@dataclass(frozen=True, kw_only=True)
class StandardisedDistillation(Distillation):
    """The divergence of standardised logits: what they say of the classes' order, not how far apart they are.

    Logit standardisation (Sun et al., CVPR 2024, arXiv 2403.01427); with its temperature of 2 and weight of 9:
    `train.kd_temperature`, `train.kd_weight`.
    """

    def _divergence(self, class_logits_BC: Tensor, larger_logits_BC: Tensor, seen: Seen) -> Tensor:
        return super()._divergence(standardise(class_logits_BC), standardise(larger_logits_BC), seen)
