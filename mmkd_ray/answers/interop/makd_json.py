"""The MaKD authors' files: P(yes) of every question by image name, as one JSON object or as one object per line.

    {"image_05656.jpg": [0.94, 0.53, ...], ...}        their own, and LaViD's p_yes.json
    {"jpg/image_05656.jpg": [0.94, 0.53, ...]}         a line of LaViD's p_yes.jsonl

The authors' names have no file extension (internvl_logits/make_makd_logits_json.py). The questions are not in the file:
only the order of the values tells them apart. In both forms, a name may occur several times.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from mmkd_ray.errors import DataError

_ACCEPTED = "{image name: [P(yes) of each question]} is accepted, as one JSON object or as one object per line"


@dataclass(frozen=True)
class Entries:
    """A file's N entries in order, duplicates included."""

    names: tuple[str, ...]
    p_yes_NQ: Float64[np.ndarray, "N Q"]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as pairs: a dict would silently keep only the last of two equal keys."""


def parse(content: bytes, place: str) -> Entries:
    """Read a file's entries.

    Args:
        content: the file.
        place: its name, for messages.

    Raises:
        DataError: it is not of this form, a value is not a probability, or lists differ in length.
    """
    entries = [pair for value in _values(_text(content, place), place) for pair in _pairs(value, place)]
    if not entries:
        raise DataError(f"{place}: holds no answers; {_ACCEPTED}")
    for name, values in entries:
        _check(name, values, place)
    _check_lengths(entries, place)
    return Entries(tuple(name for name, _ in entries), np.array([values for _, values in entries], dtype=np.float64))


def dump(p_yes: Mapping[str, Sequence[float]]) -> bytes:
    """One JSON object, in the authors' layout."""
    return json.dumps(dict(p_yes), ensure_ascii=False, indent=4, allow_nan=False).encode()


def _text(content: bytes, place: str) -> str:
    if not content.strip():
        raise DataError(f"{place}: the file is empty; {_ACCEPTED}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not text in UTF-8; {_ACCEPTED}") from error


def _values(text: str, place: str) -> Iterator[Any]:
    """The file's JSON values: one, or one per line if several lines start with an object."""
    # Not splitlines(): it also splits at characters that may be in a JSON string.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if sum(line.lstrip().startswith("{") for _, line in lines) > 1:
        for number, line in lines:
            yield _value(line, place, number)
    else:
        yield _value(text, place, 1)


def _value(text: str, place: str, first_line: int) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise DataError(f"{place}: line {line}: not valid JSON ({error.msg}); {_ACCEPTED}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; lists a thousand deep
        raise DataError(f"{place}: line {first_line} or below cannot be read ({error}); {_ACCEPTED}") from error


def _pairs(value: Any, place: str) -> _Pairs:
    if not isinstance(value, _Pairs):
        raise DataError(f"{place}: got {_show(value)} where an object should be; {_ACCEPTED}")
    return value


def _check(name: str, values: Any, place: str) -> None:
    if not isinstance(values, list) or isinstance(values, _Pairs):
        raise DataError(f"{place}: '{name}' has {_show(values)} where a list should be; {_ACCEPTED}")
    for number, value in enumerate(values, start=1):
        # `type`, because True is an int; and the comparison is false for nan.
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise DataError(
                f"{place}: value {number} of '{name}' is {_show(value)}; probabilities from 0 to 1 are accepted"
            )


def _check_lengths(entries: list[tuple[str, list[float]]], place: str) -> None:
    counts = Counter(len(values) for _, values in entries)
    if len(counts) > 1:
        (usual, most), *others = counts.most_common()
        example = next(name for name, values in entries if len(values) == others[0][0])
        rest = ", ".join(f"{length} in {count:,}" for length, count in others[:3])
        raise DataError(
            f"{place}: the lists differ in length: {usual} values in {most:,} of {len(entries):,}, {rest} "
            f"(e.g. '{example}'); every image needs a value for each question"
        )


def _show(value: Any) -> str:
    if isinstance(value, _Pairs):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
