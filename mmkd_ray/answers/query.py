"""What is asked about an image: a question, and how the image is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

View = Literal["plain", "mirrored"]
"""How the image is shown: as it is, or flipped from left to right."""


@dataclass(frozen=True)
class Query:
    """A yes/no question about one view of an image: a column of the stored answers and of a teacher table."""

    question: str
    view: View = "plain"

    def __str__(self) -> str:
        """For people."""
        return self.question if self.view == "plain" else f"{self.question} [image mirrored]"

    def as_json(self) -> str | dict[str, str]:
        """The plain value that stands for it in files and identities: of the plain view, the text alone."""
        return self.question if self.view == "plain" else {"question": self.question, "view": self.view}

    @classmethod
    def of(cls, value: Query | str | Mapping[str, Any]) -> Query:
        """A query, as it is or from what `as_json` gives; a text alone asks about the plain view."""
        if isinstance(value, Query):
            return value
        return cls(value) if isinstance(value, str) else cls(value["question"], value.get("view", "plain"))


def mirrored(question: str) -> Query:
    """This question about the image flipped from left to right."""
    return Query(question, "mirrored")
