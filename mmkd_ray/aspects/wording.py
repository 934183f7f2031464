"""Similarity of two questions' wording, computed from their words, without a model.

It does not know synonyms (`bill` and `beak`). Questions that mean the same are recognised by their answers (see
`mmkd_ray.evidence`).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, permutations

_STOP_WORDS = re.compile(
    "an?|the|is|are|was|were|be|been|being|am|isnt|arent|does|do|did|doesnt|dont|has|have|had|got|hasnt|havent|can|could|"
    "would|will|should|may|might|cant|you|say|see|there|it|its|this|that|these|those|any|some|of|to|and|with|in|on|at|"
    "for|as|by|here|picture|image|photo|photograph|shows?|showing|shown|contains?|depicts?|visible|appears?|seen|"
    "which|who|one"
)
"""Words that do not tell what is asked."""
_ORDERED = {"than", "above", "below", "behind", "beneath", "under", "over", "inside", "outside", "between", "before"}
"""Words for which order matters: `A above B` is not `B above A`."""
_DECISIVE = _ORDERED | {"left", "right", "without", "not", "no", "never", "upper", "lower", "front", "back"}
"""Two questions are never duplicates if only one of them has such a word."""
_MIRRORED = {"left": "right", "right": "left"}


_QUESTION_MARKS = tuple("?\uff1f\ufe56\u061f\u037e\u055e\u1367\u2e2e\u203d\u2047\u2048\u2049")
"""Of Latin, full-width, small, Arabic, Greek, Armenian and Ethiopic script, and of several at once."""


def is_question(text: str) -> bool:
    """Whether a text has words and ends with a question mark of any script."""
    return text.rstrip().endswith(_QUESTION_MARKS) and normal(text) != ""


def normal(text: str) -> str:
    """The text without case, punctuation, Unicode variants and repeated spaces: equal for the same words."""
    folded = (
        unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    )
    return " ".join(re.sub(r"[^\w]+", " ", folded).split())


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[str, ...]:
    """The stems of all words but stop words, in order; all words if there are only stop words."""
    words = normal(text).replace("_", " ").split()
    return tuple(_stem(word) for word in words if not _STOP_WORDS.fullmatch(word)) or tuple(words)


def near_duplicates(questions: Sequence[str], *, above: float, since: int = 0) -> dict[int, int]:
    """Find questions that repeat an earlier one in nearly the same words.

    Args:
        questions: in the order of preference.
        above: two questions with at least this similarity (0 to 1) are duplicates.
        since: position of the first question that is checked; all before it are kept.

    Returns:
        {position of a duplicate: position of the first question that it repeats}.
    """
    words = [content_words(question) for question in questions]
    weights = _weights(words)
    kept = list(range(since))
    found: dict[int, int] = {}
    for position in range(since, len(words)):
        repeated = next((k for k in kept if similarity(words[position], words[k], weights) >= above), None)
        if repeated is None:
            kept.append(position)
        else:
            found[position] = repeated
    return found


def similarity(first: Sequence[str], second: Sequence[str], weights: Mapping[str, float] | None = None) -> float:
    """Weighted Jaccard similarity of two questions' content words, 0 to 1.

    0 if only one of them has a decisive word (`left`, `without`), or if words have changed places: `is A larger than
    B` and `is B larger than A`, or `a black head and a white belly` and `a white head and a black belly`.
    """
    if _DECISIVE & (set(first) ^ set(second)) or _change_sides(first, second) or _change_partners(first, second):
        return 0.0
    mine, theirs = Counter(first), Counter(second)

    def weight(counts: Counter[str]) -> float:
        return sum(count * (weights or {}).get(word, 1.0) for word, count in counts.items())

    union = weight(mine | theirs)
    return weight(mine & theirs) / union if union else 0.0


def in_mirror(question: str) -> str | None:
    """The question with left and right exchanged; None if it contains neither."""
    swapped, count = re.subn(r"\b(?:left|right)(?=(?:most|wards?)?\b)", _swap, question, flags=re.IGNORECASE)
    return swapped if count else None


def _swap(match: re.Match[str]) -> str:
    word = _MIRRORED[match[0].lower()]
    if match[0].isupper():
        return word.upper()
    return word.capitalize() if match[0][0].isupper() else word


def _change_sides(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether words have changed sides of a word such as `than`."""
    for word in _ORDERED.intersection(first).intersection(second):
        before, after = _sides(first, word)
        others_before, others_after = _sides(second, word)
        if before & others_after and after & others_before:
            return True
    return False


def _sides(words: Sequence[str], middle: str) -> tuple[set[str], set[str]]:
    """The words that occur only before `middle`, and those that occur only after it."""
    position = list(words).index(middle)
    before, after = set(words[:position]), set(words[position + 1 :])
    return before - after, after - before


def _change_partners(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two words have exchanged the words that follow them (`black head, white belly`)."""
    mine, theirs = set(pairwise(first)), set(pairwise(second))
    return any((a, y) in theirs - mine and (b, x) in theirs - mine for (a, x), (b, y) in permutations(mine - theirs, 2))


def _weights(questions: Sequence[Sequence[str]]) -> dict[str, float]:
    """Inverse document frequency of each word: `bird` counts little if every question is about birds."""
    frequency = Counter(word for words in questions for word in set(words))
    return {word: math.log(1 + len(questions) / count) for word, count in frequency.items()}


def _stem(word: str) -> str:
    """A word without plural and verb endings; roughly the first step of Porter's stemmer."""
    if word in _DECISIVE:
        return word
    for ending in ("ings", "ing", "ed", "es", "s"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and re.search("[aeiouy]", stem) and not (ending == "s" and stem[-1] in "su"):
            if ending not in ("s", "es") and stem[-1] == stem[-2] and stem[-1] not in "lsz":
                stem = stem[:-1]
            word = stem
            break
    word = word.removesuffix("e") if len(word) > 3 else word
    return word[:-1] + "y" if len(word) > 2 and word.endswith("i") else word
