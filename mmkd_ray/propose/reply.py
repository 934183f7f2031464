"""The interface of an LLM that proposes questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

QUESTIONS_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"questions": {"type": "array", "items": {"type": "string"}}},
    "required": ["questions"],
    "additionalProperties": False,
}
"""JSON schema of a reply. It limits no lengths: not every server supports that."""


@dataclass(frozen=True)
class Reply:
    """A reply of an LLM."""

    text: str
    cut_off: bool
    """Whether it was stopped at `max_tokens`."""


class LanguageModel(Protocol):
    """An LLM that can be asked."""

    def ask(self, prompt: str) -> Reply:
        """The reply to one user message; questions as JSON of `QUESTIONS_SCHEMA` where that is supported.

        Raises:
            AspectError: the model cannot be reached or loaded, or refuses.
        """
        ...

    def close(self) -> None:
        """Free what it uses: connections, or an actor."""
        ...
