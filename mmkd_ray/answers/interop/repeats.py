"""Answers that are there more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from mmkd_ray.answers.interop.wording import count, examples
from mmkd_ray.errors import DataError


@dataclass(frozen=True)
class Merged:
    """One row of P(yes) for each image."""

    p_yes: dict[str, Float64[np.ndarray, " Q"]]
    exact: tuple[str, ...]
    """Images of the entries that say what an earlier entry said, one item an entry."""
    contradicting: tuple[str, ...]
    """Images about which entries say different things, each once."""

    def describe(self) -> list[str]:
        """What was found, one phrase each, with examples."""
        said = []
        if self.exact:
            said.append(f"{count(len(self.exact), 'exact repeat')} of an earlier entry ({examples(self.exact)})")
        if self.contradicting:
            images = count(len(self.contradicting), "image")
            said.append(f"{images} with answers that contradict each other ({examples(self.contradicting)})")
        return said


def merge(images: Sequence[str], p_yes_NQ: Float64[np.ndarray, "N Q"]) -> Merged:
    """Drop exact repeats, then take the plain mean of P(yes) where different answers are left for an image.

    Args:
        images: the image of each row; any key that tells them apart.
        p_yes_NQ: the rows.
    """
    rows: dict[str, dict[bytes, np.ndarray]] = {}
    exact = []
    for image, row in zip(images, p_yes_NQ, strict=True):
        different = rows.setdefault(image, {})
        content = (row + 0.0).tobytes()  # + 0.0: -0.0 and 0.0 are the same answer
        if content in different:
            exact.append(image)
        different[content] = row
    return Merged(
        p_yes={image: np.mean(list(different.values()), axis=0) for image, different in rows.items()},
        exact=tuple(exact),
        contradicting=tuple(image for image, different in rows.items() if len(different) > 1),
    )


def refuse_repeats(merged: Merged, place: str) -> None:
    """Raise if anything was there more than once.

    Raises:
        DataError: with counts and examples.
    """
    if said := merged.describe():
        raise DataError(
            f"{place}: {'; '.join(said)}; mend the file, or pass --merge-duplicates to drop repeats and to take the "
            "mean P(yes) of answers that differ"
        )
