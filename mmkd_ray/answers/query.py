"""What is asked about an image: a question, about the image as it is or mirrored."""

from __future__ import annotations

MARK = " [image mirrored]"


def mirrored(question: str) -> str:
    """The name of the column for this question about the image flipped from left to right."""
    return question + MARK
