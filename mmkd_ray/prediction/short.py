"""Questions in few words: `Does the bird have a long beak?` as `long beak`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

_SHARE = 0.1
"""Of the questions that must begin, or end, with the same words for these to say nothing."""
_LEAST = 3


def short_forms(questions: Sequence[str]) -> list[str]:
    """Each question without its mark, and without the words that it begins or ends with as many others do."""
    words = [question.rstrip("? ").split() for question in questions]
    without_start = _without_shared_start(words)
    # A single word at the end is rather what a question is about: a white belly, a spotted belly.
    without_end = _without_shared_start([each[::-1] for each in without_start], least_words=2)
    return [" ".join(reversed(left)) for left in without_end]


def _without_shared_start(words: Sequence[Sequence[str]], *, least_words: int = 1) -> list[Sequence[str]]:
    starts = Counter(start for each in words for start in _starts(each, least_words))
    enough = max(_LEAST, _SHARE * len(words))
    lengths = [
        max((len(start) for start in _starts(each, least_words) if starts[start] >= enough), default=0)
        for each in words
    ]
    return [each[length:] for each, length in zip(words, lengths, strict=True)]


def _starts(words: Sequence[str], least_words: int) -> Iterable[tuple[str, ...]]:
    """Its beginnings, the whole of it left out."""
    return [tuple(words[:length]) for length in range(least_words, len(words))]
