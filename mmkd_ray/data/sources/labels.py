"""Labels as data sets have them, names or numbers, as class names in a fixed order."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mmkd_ray.data.sources.cells import text_of
from mmkd_ray.data.sources.listing import read_file, reason
from mmkd_ray.errors import DataError, few

_DIGITS = 20
"""Longer ones are no numbers of classes."""
_ADVICE = "a label is one name or one whole number: give another column by data.columns.label"


def name_classes(
    labels: Mapping[str, Any], names: Sequence[str] = (), *, place: str
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The class name of each image, and the names that occur, in the order of their labels.

    Numbers are in the order of numbers, called by `names` if there are any; names are sorted. Names that look the same
    are the same, however their accents are encoded.

    Args:
        labels: by image, names or whole numbers.
        names: of the numbers from 0.
        place: the data set, for messages.

    Raises:
        DataError: an image has no label, or one that is neither; or a number has no name.
    """
    if strange := [label for label in labels.values() if isinstance(label, list | dict | set)]:
        raise DataError(f"{place}: got the label {repr(strange[0])[:60]}; {_ADVICE}")
    values = {image: _value(label) for image, label in labels.items()}
    _refuse(values, place)
    different = set(values.values())
    numbers = {value: number for value in different if (number := _number(value)) is not None}
    if len(numbers) == len(different):
        called, order = _call(numbers, names, place)
    else:
        called = {value: str(value) for value in different}
        order = _sorted(called.values(), names, place)
    return {image: called[value] for image, value in values.items()}, order


def read_class_names(path: str) -> tuple[str, ...]:
    """The lines of `data.classes`; empty if there is none.

    Raises:
        DataError: it cannot be read.
    """
    if not path:
        return ()
    try:
        text = read_file(path).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"data.classes: '{path}' cannot be read: {reason(error)}; give a text file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"data.classes: '{path}' is not text in UTF-8, with a class name in each line") from error
    return tuple(line.strip() for line in text.strip().splitlines())


def _value(label: Any) -> str | int | float | None:
    """A name in one encoding, a number, or None for no label."""
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, int):
        return label
    if isinstance(label, float) and not math.isnan(label):
        return int(label) if label.is_integer() else label
    return unicodedata.normalize("NFC", text_of(label)) or None


def _number(value: Any) -> int | None:
    """A whole number, also as text; `007` is a name."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < _DIGITS:
        return int(value) if str(int(value)) == value else None
    return value if isinstance(value, int) else None


def _refuse(values: Mapping[str, Any], place: str) -> None:
    if missing := [image for image, value in values.items() if value is None]:
        others = f", nor have {len(missing) - 1:,} others" if len(missing) > 1 else ""
        raise DataError(f"{place}: the image '{missing[0]}' has no label{others}; give it one, or remove it")
    if fraction := next((value for value in values.values() if isinstance(value, float)), None):
        raise DataError(f"{place}: got the label {fraction}; {_ADVICE}")


def _call(numbers: Mapping[Any, int], names: Sequence[str], place: str) -> tuple[dict[Any, str], tuple[str, ...]]:
    """What each number is called, and the names in the order of the numbers."""
    present = sorted(set(numbers.values()))
    if not names:
        return {label: str(number) for label, number in numbers.items()}, tuple(map(str, present))
    if strange := [number for number in present if not 0 <= number < len(names)]:
        hint = " (-1 often is no label: leave that split out by data.splits={test: null})" if strange[0] < 0 else ""
        raise DataError(f"{place}: the label {strange[0]} is not the number of one of {len(names):,} classes{hint}")
    normal = [unicodedata.normalize("NFC", name) for name in names]
    count = Counter(normal)
    # Two classes of one name ("crane", the bird and the machine) are told apart by their numbers.
    called = [name if count[name] == 1 else f"{name} {number}" for number, name in enumerate(normal)]
    return {label: called[number] for label, number in numbers.items()}, tuple(called[number] for number in present)


def _sorted(found: Any, names: Sequence[str], place: str) -> tuple[str, ...]:
    """Names that occur: in the order of the data set's, if it has one."""
    order = {unicodedata.normalize("NFC", name): number for number, name in enumerate(names)}
    if names and (unknown := sorted(set(found) - set(order))):
        raise DataError(f"{place}: the label '{unknown[0]}' is not one of the class names: {few(names, most=20)}")
    return tuple(sorted(set(found), key=lambda name: (order.get(name, 0), name)))
