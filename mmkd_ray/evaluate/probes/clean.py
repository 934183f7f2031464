"""The images as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmkd_ray.evaluate.probes.probe import Probe

if TYPE_CHECKING:  # seconds of imports
    from mmkd_ray.data.feed.pixels import Pixels


@dataclass(frozen=True)
class Clean:
    """See `Probe`: what every other probe is compared with."""

    name: str = "clean"
    severities: tuple[float, ...] = (0.0,)

    def apply(self, images: Pixels, severity: float) -> Pixels:  # noqa: ARG002 (of a `Probe`)
        """The images."""
        return images


CLEAN: Probe = Clean()
