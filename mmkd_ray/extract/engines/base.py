"""The interface of an engine that asks a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from mmkd_ray.answers.probability import Answers
from mmkd_ray.extract.engines.tokens import Spelling


class Engine(Protocol):
    """A loaded teacher.

    `answer` may be called by several threads at the same time: the next batch is sent while one is still answered.
    """

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image; an answer depends only on its image and question."""
        ...

    def counts(self) -> dict[str, float]:
        """What the engine has done so far, e.g. `busy_s`, `prompt_tokens`, `computed_tokens`."""
        ...


@runtime_checkable
class LocalEngine(Engine, Protocol):
    """A teacher that runs in this process or beside it, which allows more checks than an endpoint."""

    def answer_alone(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """As `answer`, but one cell at a time, without reading a cache."""
        ...

    def answer_spelled(self, spelling: Spelling, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """As `answer`, but with other tokens for the two answers."""
        ...

    def spellings(self) -> list[Spelling]:
        """Ways to write the two answers as single tokens; the last one is all variants together."""
        ...

    @property
    def tolerance(self) -> float:
        """Largest change of a log-probability, in nats, that is explained by rounding."""
        ...
