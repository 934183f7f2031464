"""Images with several entries in an imported file."""

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
    """Images of entries that are equal to an earlier entry; one item per such entry."""
    contradicting: tuple[str, ...]
    """Images whose entries differ; each image once."""

    def describe(self) -> list[str]:
        """What was found, a phrase for each kind, with examples."""
        findings = []
        if self.exact:
            findings.append(f"{count(len(self.exact), 'exact repeat')} of an earlier entry ({examples(self.exact)})")
        if self.contradicting:
            images = count(len(self.contradicting), "image")
            findings.append(f"{images} with answers that contradict each other ({examples(self.contradicting)})")
        return findings


def merge(images: Sequence[str], p_yes_NQ: Float64[np.ndarray, "N Q"]) -> Merged:
    """Drop exact duplicates, then take the mean of P(yes) of each image's remaining entries.

    Args:
        images: the image of each row; any key that identifies it.
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
    """Refuse images with several entries.

    Raises:
        DataError: there are some; with counts and examples.
    """
    if findings := merged.describe():
        raise DataError(
            f"{place}: {'; '.join(findings)}; correct the file, or pass --merge-duplicates to drop repeats and to take "
            "the mean P(yes) of answers that differ"
        )
