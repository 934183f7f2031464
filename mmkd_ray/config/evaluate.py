"""What finished students are measured by."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from mmkd_ray.config.base import Section, Seed

ProbeKind = Literal["clean", "corruptions", "pgd", "autoattack"]


class AttackConfig(Section):
    """Adversarial attacks on the class logits, by one who knows the student's weights."""

    images: PositiveInt = 200
    """Test images that are attacked, the same for all students: the first of an order that `seed` draws."""
    seed: Seed = 0
    """Of that order, and of the attacks."""
    batch_size: PositiveInt = 100
    linf: tuple[PositiveFloat, ...] = (0.25, 0.5, 1, 2, 4, 8)
    """Largest changes of a pixel's channel, in parts of 255 (RobustBench: 8 for CIFAR, 4 for ImageNet)."""
    l2: tuple[PositiveFloat, ...] = (0.25, 0.5)
    """Largest Euclidean distances to the image, values in [0, 1] (RobustBench: 0.5 for CIFAR)."""
    steps: PositiveInt = 20
    """Of `pgd`."""
    restarts: PositiveInt = 1
    """Of `pgd`, each from another random place."""


class EvaluateConfig(Section):
    """What is measured of the students, and how it is summarised."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence level of the intervals, over seeds and over test images."""
    probes: tuple[ProbeKind, ...] = ("clean",)
    """Ways to look at the students. `clean`: the images of all splits but train, as they are (always done).
    `corruptions`: the test images under the 15 corruptions of ImageNet-C, five severities each. `pgd`, `autoattack`:
    under an adversary. `all`: everything; the attacks take longest."""
    corruption_table: Literal["auto", "imagenet", "tiny"] = "auto"
    """Whose constants: those of ImageNet-C are made for 224 px, those of Tiny-ImageNet-C, milder, for 64 px. `auto`:
    `tiny` up to 96 px."""
    attack: AttackConfig = AttackConfig()
    restricted_splits: tuple[str, ...] = ()
    """Shift sets in which a student can only name the classes that occur there, whatever else it has learnt. So the
    published accuracies on ImageNet-A and -R are measured, over 200 of 1,000 classes. Nothing is predicted again."""

    @field_validator("probes", mode="before")
    @classmethod
    def _all_of_them(cls, value: Any) -> Any:
        """`all`, and one name without brackets; `clean` comes first."""
        given = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else value
        if not isinstance(given, list):
            return value
        accepted = (*get_args(ProbeKind), "all")
        if any(kind not in accepted for kind in given):
            raise ValueError(f"accepted are {', '.join(accepted)}")
        if "all" in given:
            given = list(get_args(ProbeKind))
        return ("clean", *dict.fromkeys(kind for kind in given if kind != "clean"))
