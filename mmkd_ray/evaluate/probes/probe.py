"""What a probe is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # seconds of imports
    from mmkd_ray.data.feed.pixels import Pixels


class Probe(Protocol):
    """What is done to the images before a student sees them."""

    @property
    def name(self) -> str:
        """In tables and paths, e.g. `clean`."""
        ...

    @property
    def severities(self) -> tuple[float, ...]:
        """How strongly it is done: predictions are made for each."""
        ...

    def apply(self, images: Pixels, severity: float) -> Pixels:
        """The images as the student is to see them, in the same order."""
        ...
