"""The images as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmkd_ray.config import EvaluateConfig, ProbeKind
from mmkd_ray.evaluate.probes.probe import Probe, Seen

if TYPE_CHECKING:  # seconds of imports
    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student


@dataclass(frozen=True)
class Clean:
    """See `Probe`: what every other probe is compared with."""

    name: str = "clean"
    kind: ProbeKind = "clean"
    shared: bool = False

    def severities(self, config: EvaluateConfig) -> tuple[float, ...]:  # noqa: ARG002 (of a `Probe`)
        """One."""
        return (0.0,)

    def facts(self, config: EvaluateConfig) -> Mapping[str, Any]:  # noqa: ARG002 (of a `Probe`)
        """None."""
        return {}

    def splits(self, held_out: tuple[str, ...]) -> tuple[str, ...]:
        """All."""
        return held_out

    def seen(self, images: Pixels, severity: float, student: Student | None, config: EvaluateConfig) -> Seen:  # noqa: ARG002
        """The images."""
        return Seen(images.image_ids, images.splits, images.labels_N, images.in_batches)


CLEAN: Probe = Clean()
