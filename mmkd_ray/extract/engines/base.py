"""The interface of an engine that asks a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mmkd_ray.answers.probability import Answers


class Engine(Protocol):
    """A loaded teacher.

    `answer` may be called by several threads at the same time: the next batch is sent while one is still answered.
    """

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image; an answer depends on its image and question alone."""
        ...

    def counts(self) -> dict[str, float]:
        """What the engine has done so far, e.g. `busy_s`, `prompt_tokens`, `computed_tokens`."""
        ...
