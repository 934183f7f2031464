"""Stratified, seeded splits, which keep all images of one object together where objects are known."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from mmkd_ray.data.sources.files import ImageFile
from mmkd_ray.data.sources.grouping import with_groups


def cut_missing(files: list[ImageFile], fractions: Mapping[str, float], *, group: str, seed: int) -> list[ImageFile]:
    """Take the splits that a data set lacks from its training images, one after the other.

    Args:
        files: the images of a data set, in a stable order.
        fractions: of each split that can be taken, the share of each class.
        group: `data.group`.
        seed: the same seed chooses the same images.

    Returns:
        The same files in the same order, with their groups.

    Raises:
        DataError: see `with_groups`.
    """
    files = with_groups(files, group)
    present = {file.split for file in files}
    for taken, fraction in fractions.items():
        if taken not in present:
            files = cut(files, taken=taken, fraction=fraction, seed=seed)
    return files


def cut(files: list[ImageFile], *, taken: str, fraction: float, seed: int) -> list[ImageFile]:
    """Move a share of each class's training images into another split; images that cannot be read are not moved.

    Args:
        files: the images of a data set, in a stable order.
        taken: the split that the chosen images are moved into.
        fraction: share of each class to choose, in (0, 1); see `stratified_cut`, and `grouped_cut` for images with
            groups.
        seed: the same seed chooses the same images.

    Returns:
        The same files in the same order.
    """
    pool = [index for index, file in enumerate(files) if file.split == "train" and not file.found.problem]
    order = {name: label for label, name in enumerate(sorted({file.class_name for file in files}))}
    labels_N = np.array([order[files[index].class_name] for index in pool], dtype=np.int64)
    if any(file.group is not None for file in files):
        groups = [files[index].group for index in pool]
        rows_M = grouped_cut(labels_N, groups, fraction=fraction, seed=seed)
    else:
        rows_M = stratified_cut(labels_N, fraction=fraction, seed=seed)
    chosen = {pool[row] for row in rows_M}
    return [replace(file, split=taken, chosen=True) if index in chosen else file for index, file in enumerate(files)]


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
        chosen.extend(rows[: _target(len(rows), fraction)].tolist())
    return np.array(sorted(chosen), dtype=np.int64)


def grouped_cut(
    labels_N: Int[np.ndarray, " N"], groups: Sequence[str | None], *, fraction: float, seed: int
) -> Int[np.ndarray, " M"]:
    """Choose whole groups, so that the share of each class comes as near to `fraction` as it does.

    Groups are looked at once in a random order, and one is taken if its classes come nearer to their share. A class of
    which none was taken then gets the group that disturbs the shares least. The last group of a class always stays.

    Args:
        labels_N: class of each row.
        groups: of each row; a row without one is a group of its own. A group may have rows of several classes.
        fraction: share to choose, in (0, 1).
        seed: the same seed chooses the same rows of the same labels and groups.

    Returns:
        Sorted indices of the chosen rows. A class with a single group keeps it.
    """
    rows: defaultdict[object, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows[row if group is None else group].append(row)
    members = list(rows.values())
    choice = _Choice([Counter(labels_N[rows].tolist()) for rows in members], fraction)
    order = np.random.default_rng(seed).permutation(len(members)).tolist()
    for group in order:
        if choice.may_go(group) and choice.cost(group) < 0:
            choice.take(group)
    for label in sorted(choice.sizes):
        if label not in choice.taken_of:
            candidates = [group for group in order if label in choice.classes[group] and choice.may_go(group)]
            if candidates:
                choice.take(min(candidates, key=choice.cost))
    return np.array(sorted(row for group in choice.taken for row in members[group]), dtype=np.int64)


class _Choice:
    """Groups that are chosen one after the other."""

    def __init__(self, classes: list[Counter[int]], fraction: float) -> None:
        """Choose none yet.

        Args:
            classes: of each group, its rows by class.
            fraction: share of each class to choose.
        """
        self.classes = classes
        self.sizes: Counter[int] = Counter()
        for of_group in classes:
            self.sizes.update(of_group)
        self.taken: list[int] = []
        self.taken_of: Counter[int] = Counter()
        self._targets = {label: _target(size, fraction) for label, size in self.sizes.items()}
        self._groups_left = Counter(label for of_group in classes for label in of_group)

    def may_go(self, group: int) -> bool:
        """Whether each of its classes has another group left."""
        return all(self._groups_left[label] > 1 for label in self.classes[group])

    def cost(self, group: int) -> float:
        """What taking it adds to the sum of squared distances of the classes' shares from those that are wanted."""
        added = 0.0
        for label, rows in self.classes[group].items():
            lacking = self._targets[label] - self.taken_of[label]
            added += ((lacking - rows) ** 2 - lacking**2) / self.sizes[label] ** 2
        return added

    def take(self, group: int) -> None:
        """Choose it."""
        self.taken.append(group)
        self.taken_of.update(self.classes[group])
        self._groups_left.subtract(self.classes[group].keys())


def _target(size: int, fraction: float) -> int:
    """Images to choose from a class of this size."""
    return min(max(round(fraction * size), 1), size - 1)
