"""What went into two runs: images, questions, teacher, versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmkd_ray.errors import few
from mmkd_ray.report.comparison.stored import StoredRun


@dataclass(frozen=True)
class InputDifferences:
    """What differs between the inputs of a run and those of the first one."""

    images: dict[str, str]
    """By split: how its images differ; empty text where they are the same."""
    questions: str
    """Empty where they are the same, in any order."""
    teacher: str
    """Empty where it is the same."""
    versions: str
    """Of packages; empty where they are the same."""

    def why_not(self, split: str) -> str:
        """Why results on a split, or the mean over the shift sets, cannot be compared; empty if they can."""
        splits = [split] if split in self.images else [name for name in self.images if _is_shift(name)]
        return "; ".join(f"{name}: {self.images[name]}" for name in splits if self.images[name])


def input_differences(first: StoredRun, other: StoredRun) -> InputDifferences:
    """Compare what went into two runs, by content: the same pictures elsewhere are the same.

    Raises:
        DamagedError: an image table is not as it was written.
    """
    return InputDifferences(
        _images(first, other), _questions(first, other), _teacher(first, other), _versions(first, other)
    )


def _is_shift(split: str) -> bool:
    return split not in ("train", "val", "test")


def _images(first: StoredRun, other: StoredRun) -> dict[str, str]:
    splits = list(dict.fromkeys([*first.evaluation.images, *other.evaluation.images]))
    for run in (first, other):
        if run.images_record is None:
            return dict.fromkeys(splits, f"the image table of {run.letter} is not there, so nothing is known")
    assert first.images_record is not None
    assert other.images_record is not None
    if first.images_record["digest"] == other.images_record["digest"]:
        return dict.fromkeys(splits, "")
    return {split: _split(split, first, other) for split in splits}


def _split(split: str, first: StoredRun, other: StoredRun) -> str:
    one, another = first.images(split), other.images(split)
    if one == another:
        return ""
    common = (one & another).total()
    return f"{first.letter} {one.total():,}, {other.letter} {another.total():,}, {common:,} in both"


def _questions(first: StoredRun, other: StoredRun) -> str:
    one, another = first.evaluation.questions, other.evaluation.questions
    if set(one) == set(another):
        return ""
    lacking = [f"'{question}'" for question in one if question not in another]
    added = [f"'{question}'" for question in another if question not in one]
    parts = [f"{first.letter} {len(one)}, {other.letter} {len(another)}, {len(set(one) & set(another))} in both"]
    parts += [f"{first.letter} alone: {few(lacking, most=2)}"] if lacking else []
    parts += [f"{other.letter} alone: {few(added, most=2)}"] if added else []
    return "; ".join(parts)


def _teacher(first: StoredRun, other: StoredRun) -> str:
    for run in (first, other):
        if run.teacher is None:
            return f"the teacher table of {run.letter} is not there, so nothing is known"
    assert first.teacher is not None
    assert other.teacher is not None
    return ", ".join(_differing(first.teacher.facts, other.teacher.facts))


def _versions(first: StoredRun, other: StoredRun) -> str:
    return "; ".join(
        f"{package} {first.versions.get(package, '-')} and {other.versions.get(package, '-')}"
        for package in _differing(first.versions, other.versions)
    )


def _differing(one: Mapping[str, object], another: Mapping[str, object]) -> list[str]:
    return [key for key in {**one, **another} if one.get(key) != another.get(key)]
