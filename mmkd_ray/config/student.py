"""What is trained, how, and what is compared."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mmkd_ray.config.base import Fraction, Section

ArmName = Literal["ce", "makd", "random", "shuffled"]


class StudentConfig(Section):
    """The small vision model."""

    model: str = "resnet18"
    """Any timm model by name."""
    model_args: dict[str, Any] = {}
    """Passed to `timm.create_model`, e.g. `{layers: [1, 1, 1, 1]}`."""
    pretrained: bool = False
    """Start from timm's weights (downloaded from the hub) instead of from scratch."""
    image_size: PositiveInt = 224
    """Height and width in pixels."""


class TrainConfig(Section):
    """The recipe, the same for all arms."""

    epochs: PositiveInt = 100
    batch_size: PositiveInt = 64
    """Images a step over all workers together."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: PositiveFloat = 0.01
    momentum: Fraction = 0.9
    """For `sgd`."""
    weight_decay: NonNegativeFloat = 1e-4
    schedule: Literal["cosine", "step"] = "cosine"
    warmup_epochs: NonNegativeFloat = 0
    """Linear warm-up from 0, for either schedule."""
    step_epochs: tuple[PositiveInt, ...] = (150, 180, 210)
    """For `step`: the learning rate is divided by 10 after each of these epochs."""
    alpha: NonNegativeFloat = 4
    """Weight of the aspect loss (paper, eq. 4)."""
    decode_size: PositiveInt | None = None
    """Training images are decoded once, to this many pixels square; `student.image_size` if unset."""
    crop_scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 1.0)
    """Range of the random crop's area as a share of the image's."""
    flip: Fraction = 0.5
    """Probability of a horizontal flip. Orientation-sensitive questions are not taught on flipped images."""
    brightness: Fraction = 0.2
    """Brightness is multiplied by a factor in 1 +- this."""

    @model_validator(mode="after")
    def _crop_is_a_range(self) -> TrainConfig:
        low, high = self.crop_scale
        if not low <= high <= 1:
            raise ValueError(f"crop_scale must be [low, high] with low <= high <= 1, got [{low}, {high}]")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs}) must be less than epochs ({self.epochs})")
        return self


class StudyConfig(Section):
    """Which arms are compared, over which seeds."""

    arms: tuple[ArmName, ...] = ("ce", "makd")
    """`ce` is the baseline that the others are compared with."""
    seeds: tuple[int, ...] = (0, 1, 2)

    @model_validator(mode="after")
    def _is_a_comparison(self) -> StudyConfig:
        for key, values in {"arms": self.arms, "seeds": self.seeds}.items():
            if not values:
                raise ValueError(f"{key} must not be empty")
            if len(set(values)) != len(values):
                raise ValueError(f"{key} must not repeat a value, got {list(values)}")
        return self


class EvaluateConfig(Section):
    """How results are summed up."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Level of the paired intervals."""
