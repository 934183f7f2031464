"""What an LLM that proposes questions gives, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

QUESTIONS_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"questions": {"type": "array", "items": {"type": "string"}}},
    "required": ["questions"],
    "additionalProperties": False,
}
"""JSON schema of a reply. It has no lengths: not every server knows those."""


@dataclass(frozen=True)
class Reply:
    """What an LLM said."""

    text: str
    cut_off: bool
    """Whether it was stopped at `max_tokens`."""


class LanguageModel(Protocol):
    """An LLM that can be asked."""

    def ask(self, prompt: str) -> Reply:
        """The reply to one user message; questions in JSON of `QUESTIONS_SCHEMA` where that can be had.

        Raises:
            AspectError: the model cannot be reached or loaded, or refuses.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
