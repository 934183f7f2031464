"""What came of an export, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmkd_ray.exports.measured import BATCHES, Cost
from mmkd_ray.exports.verify import Verification
from mmkd_ray.students.card import Card


@dataclass(frozen=True)
class Exported:
    """What was written."""

    place: Path
    card: Card
    verification: Verification
    cost: Cost
    student_cost: Cost
    """Of the student itself, as training left it, on the same machine."""
    prepared_alike: tuple[int, int] | None
    """For timm: of so many test images, how many get the student's class where timm's own transform prepares them."""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """What was measured, of the export and of the student."""
        found, costs = self.verification, (self.cost, self.student_cost)
        return [
            ("test top-1", f"{100 * found.export_top1:.1f} %", f"{100 * found.student_top1:.1f} %"),
            ("size", *(f"{cost.bytes / 2**20:.2f} MiB" for cost in costs)),
            *(
                (f"time of a batch of {batch}", *(f"{1000 * cost.seconds[batch]:.2f} ms" for cost in costs))
                for batch in BATCHES
            ),
        ]

    @property
    def sentence(self) -> str:
        """How near the export is to the student."""
        found = self.verification
        alike = (
            f"On {found.images:,} test images its logits differ from the student's by at most {found.difference:.3g} "
            f"(accepted: {found.limit:.3g}), {found.same_class:,} get the same class, and top-1 accuracy changes by "
            f"{found.points:+.1f} points."
        )
        if self.prepared_alike:
            images, same = self.prepared_alike
            alike += f" Where timm's own transform prepares the images, {same:,} of {images:,} get the student's class."
        return alike
