"""Invented names of species: readable, unique, and without any hint of what a species looks like."""

from typing import Final

import numpy as np

_ONSETS: Final = ("b", "br", "d", "dr", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "tr", "v", "z")
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ou")
_ENDINGS: Final = ("l", "n", "r", "rk", "sk", "ng", "lt", "m", "ss")
_LAST_VOWELS: Final = ("a", "i", "o")


def make_names(rng: np.random.Generator, *, genera: int, species_per_genus: int) -> list[list[str]]:
    """Names by genus and species, such as "Tavi Brosk": the last word names the genus."""
    taken: set[str] = set()
    names = []
    for _ in range(genera):
        genus = _new_word(rng, taken, closed=True)
        names.append([f"{_new_word(rng, taken, closed=False)} {genus}" for _ in range(species_per_genus)])
    return names


def _new_word(rng: np.random.Generator, taken: set[str], *, closed: bool) -> str:
    while True:
        word = (
            _pick(rng, _ONSETS)
            + _pick(rng, _VOWELS)
            + _pick(rng, _ONSETS)
            + _pick(rng, _VOWELS if closed else _LAST_VOWELS)
        )
        word = (word + _pick(rng, _ENDINGS) if closed else word).capitalize()
        if word not in taken:
            taken.add(word)
            return word


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
