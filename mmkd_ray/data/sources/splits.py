"""Splits as data sets name them, as train, val, test and shift sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mmkd_ray.data.sources.layout import split_of
from mmkd_ray.errors import DataError, few

_USUAL = ("train", "val", "test")


def map_splits(words: Iterable[str], named: Mapping[str, str | None], *, place: str) -> dict[str, str | None]:
    """The split that each word means; None for what is left out.

    Args:
        words: all that occur in a data set.
        named: `data.splits`; what it does not name means what such a folder would mean, or is a shift set.
        place: for messages.

    Raises:
        DataError: none is for training, a row has none, or `named` knows one that does not occur.
    """
    found = list(dict.fromkeys(words))
    if unknown := sorted(set(named) - set(found)):
        raise DataError(f"data.splits: {place} has no split '{unknown[0]}'; it has {few(found, most=20)}")
    splits: dict[str, str | None] = {}
    for word in found:
        if not word:
            raise DataError(f"{place}: some rows have no split; give them one, or remove these rows")
        splits[word] = named[word] if word in named else split_of(word) or word
        _check_name(splits[word], place)
    if "train" not in splits.values():
        raise DataError(
            f"{place}: none of the splits is for training; there are {few(found, most=20)}: say which one by "
            f"data.splits={{{next(iter(found), 'NAME')}: train}}"
        )
    return splits


def split_line(splits: Mapping[str, str | None]) -> str:
    """How each word was read, for a person."""
    roles = {name: name for name in _USUAL}
    read = [f"'{word}' is {roles.get(split, 'a shift set') if split else 'left out'}" for word, split in splits.items()]
    return f"splits: {few(read, most=20)}"


def _check_name(split: str | None, place: str) -> None:
    """It becomes the name of a folder."""
    if split is not None and (not split or split.startswith(".") or any(sign in split for sign in "/\\\0")):
        raise DataError(
            f"{place}: the split '{split}' cannot be the name of a folder; give it another one by "
            f"data.splits={{'{split}': NAME}}"
        )
