"""Test images changed by an adversary who knows the student's weights, as little as epsilon allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mmkd_ray.config import EvaluateConfig, ProbeKind
from mmkd_ray.evaluate.probes.probe import Probe, Seen, only_test
from mmkd_ray.identity import settings

if TYPE_CHECKING:  # seconds of imports
    import torch

    from mmkd_ray.config import AttackConfig
    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student

_255 = 255
_OTHER_ATTACKS: dict[str, tuple[str, ...]] = {"pgd": (), "autoattack": ("steps", "restarts")}
"""Keys of `evaluate.attack` that do not decide what an attack finds."""


@dataclass(frozen=True)
class Attack:
    """See `Probe`. A severity is epsilon: in parts of 255 for L-inf, in values of [0, 1] for L2."""

    name: str
    kind: ProbeKind
    norm: Literal["Linf", "L2"]
    shared: bool = False

    def severities(self, config: EvaluateConfig) -> tuple[float, ...]:
        """Those of the norm."""
        return config.attack.linf if self.norm == "Linf" else config.attack.l2

    def facts(self, config: EvaluateConfig) -> Mapping[str, Any]:
        """Which images, and how they are attacked."""
        return {"attack": settings(config.attack, exclude=("linf", "l2", *_OTHER_ATTACKS[self.kind]))}

    def splits(self, held_out: tuple[str, ...]) -> tuple[str, ...]:
        """The test split."""
        return only_test(held_out)

    def seen(self, images: Pixels, severity: float, student: Student | None, config: EvaluateConfig) -> Seen:
        """The chosen images, attacked batch by batch."""
        import torch  # noqa: PLC0415 (seconds)

        assert student is not None, "an attack needs its victim"
        attack = config.attack
        order_N = torch.randperm(len(images), generator=torch.Generator().manual_seed(attack.seed))
        chosen = images.subset(sorted(order_N[: attack.images].tolist()))
        warnings: list[str] = []
        epsilon = severity / _255 if self.norm == "Linf" else severity
        return Seen(
            chosen.image_ids,
            chosen.splits,
            chosen.labels_N,
            lambda _: self._batches(chosen, student, attack, epsilon, warnings),
            warnings,
        )

    def _batches(
        self, images: Pixels, student: Student, attack: AttackConfig, epsilon: float, warnings: list[str]
    ) -> Iterator[torch.Tensor]:
        from mmkd_ray.students import attacks  # noqa: PLC0415 (seconds)

        device = next(student.parameters()).device
        labels = iter(images.labels_N.split(attack.batch_size))
        for number, batch_B3SS in enumerate(images.in_batches(attack.batch_size)):
            clean_B3SS, labels_B = batch_B3SS.to(device).float() / _255, next(labels).to(device)
            seed = attack.seed + number
            if self.kind == "pgd":
                yield attacks.pgd(
                    student, clean_B3SS, labels_B, norm=self.norm, epsilon=epsilon, steps=attack.steps,
                    restarts=attack.restarts, seed=seed,
                )  # fmt: skip
                continue
            changed_B3SS, said = attacks.autoattack(
                student, clean_B3SS, labels_B, norm=self.norm, epsilon=epsilon, seed=seed, batch=attack.batch_size
            )
            warnings.extend(line for line in said if line not in warnings)
            yield changed_B3SS


ATTACKS: tuple[Probe, ...] = (
    Attack("attack_pgd", "pgd", "Linf"),
    Attack("attack_pgd_l2", "pgd", "L2"),
    Attack("attack_autoattack", "autoattack", "Linf"),
    Attack("attack_autoattack_l2", "autoattack", "L2"),
)
