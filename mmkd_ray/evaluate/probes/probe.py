"""What a probe is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mmkd_ray.config import EvaluateConfig, ProbeKind

if TYPE_CHECKING:  # seconds of imports
    import torch
    from jaxtyping import Int64

    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student


@dataclass(frozen=True)
class Seen:
    """N images as a student is to see them; made batch by batch, so that memory does not grow with N."""

    image_ids: list[str]
    splits: list[str]
    labels_N: Int64[torch.Tensor, " N"]
    in_batches: Callable[[int], Iterator[torch.Tensor]]
    """Given the size of a batch: all images in order, uint8 or float in [0, 1], [B, 3, S, S]."""
    warnings: list[str] = field(default_factory=list)
    """What there is to say once all batches are taken."""

    def __len__(self) -> int:
        """N."""
        return len(self.image_ids)


class Probe(Protocol):
    """What is done to the images before a student sees them."""

    @property
    def name(self) -> str:
        """In tables and paths, e.g. `clean`."""
        ...

    @property
    def kind(self) -> ProbeKind:
        """Which entry of `evaluate.probes` asks for it."""
        ...

    @property
    def shared(self) -> bool:
        """Whether it costs enough, and depends on the images alone, that students look at the same made images."""
        ...

    def severities(self, config: EvaluateConfig) -> tuple[float, ...]:
        """How strongly it is done: predictions are made for each."""
        ...

    def facts(self, config: EvaluateConfig) -> Mapping[str, Any]:
        """What else decides what a student sees."""
        ...

    def splits(self, held_out: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the splits that no student learns from it looks at."""
        ...

    def seen(self, images: Pixels, severity: float, student: Student | None, config: EvaluateConfig) -> Seen:
        """The images as the student is to see them, all or some of them, in the same order.

        Args:
            images: of the splits that it looks at.
            severity: one of `severities`.
            student: needed where the probe is not `shared`.
            config: of the evaluation.
        """
        ...


def only_test(held_out: tuple[str, ...]) -> tuple[str, ...]:
    """The test split, if there is one: what most probes look at."""
    return tuple(split for split in held_out if split == "test")
