"""Stratified, seeded splits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from mmkd_ray.data.sources.files import ImageFile


def stratified_cut(labels_N: Int[np.ndarray, " N"], *, fraction: float, seed: int) -> Int[np.ndarray, " M"]:
    """Choose about `fraction` of the rows of each class, but at least one and never all.

    Args:
        labels_N: class of each row.
        fraction: share to choose, in (0, 1).
        seed: the same seed chooses the same rows of the same labels.

    Returns:
        Sorted indices of the chosen rows. A class with a single row keeps it.
    """
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in np.unique(labels_N):
        rows = generator.permutation(np.flatnonzero(labels_N == label))
        count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
        chosen.extend(rows[:count].tolist())
    return np.array(sorted(chosen), dtype=np.int64)


def cut(files: list[ImageFile], *, taken: str, fraction: float, seed: int) -> list[ImageFile]:
    """Move a share of each class's training images into another split; images that cannot be read are not moved.

    Args:
        files: the images of a data set, in a stable order.
        taken: the split that the chosen images are moved into.
        fraction: share of each class to choose, in (0, 1); see `stratified_cut`.
        seed: the same seed chooses the same images.

    Returns:
        The same files in the same order.
    """
    pool = [index for index, file in enumerate(files) if file.split == "train" and not file.found.problem]
    order = {name: label for label, name in enumerate(sorted({file.class_name for file in files}))}
    labels_N = np.array([order[files[index].class_name] for index in pool], dtype=np.int64)
    chosen = {pool[row] for row in stratified_cut(labels_N, fraction=fraction, seed=seed)}
    return [replace(file, split=taken) if index in chosen else file for index, file in enumerate(files)]
