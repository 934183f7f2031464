"""The questions of a run: read from where the configuration says, checked, in their order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from mmkd_ray import fieldguide
from mmkd_ray.config import FieldGuideAspects, FileAspects, load_yaml
from mmkd_ray.errors import AspectError


@dataclass(frozen=True)
class Aspect:
    """One yes/no question."""

    question: str
    orientation_sensitive: bool = False
    """Whether a horizontal flip of the image can change the answer ("facing left")."""
    mirror: str | None = None
    """The question that it becomes in a mirror ("facing right"), as far as that is known."""
    weight: float = 1.0
    """Factor of its term in the aspect loss."""

    @property
    def id(self) -> str:
        """Stable hash of the text: a column is found by it, never by its position."""
        return hashlib.sha256(self.question.encode()).hexdigest()[:12]


def load_aspects(config: FieldGuideAspects | FileAspects) -> tuple[Aspect, ...]:
    """The Q questions of a run, in order.

    Raises:
        AspectError: an entry is not a question, a question stands twice, or there are fewer than `aspects.count`.
    """
    if isinstance(config, FieldGuideAspects):
        aspects = [
            Aspect(question.text, question.orientation_sensitive, question.mirror) for question in fieldguide.QUESTIONS
        ]
        place = "the field guide"
    else:
        aspects = [_parse(entry, config.path) for entry in _entries(config.path)]
        place = config.path
    _check_unique(aspects, place)
    if config.count is not None and config.count > len(aspects):
        raise AspectError(f"aspects.count is {config.count}, but {place} has {len(aspects)} questions")
    return tuple(aspects[: config.count])


def _entries(path: str) -> list[Any]:
    entries = load_yaml(path)
    if not isinstance(entries, list) or not entries:
        raise AspectError(f"{path}: expected a list of questions, e.g. '- Is the bird flying?'")
    return entries


_KEYS = {"question": str, "orientation_sensitive": bool, "mirror": str, "weight": (int, float)}


def _parse(entry: Any, path: str) -> Aspect:
    if isinstance(entry, str):
        entry = {"question": entry}
    if (
        not isinstance(entry, dict)
        or "question" not in entry
        or any(key not in _KEYS or not isinstance(value, _KEYS[key]) for key, value in entry.items())
    ):
        raise AspectError(
            f"{path}: expected a text or {{question: TEXT, orientation_sensitive: true or false, mirror: TEXT, "
            f"weight: NUMBER}}, got {entry!r}"
        )
    text = entry["question"].strip()
    if not text.endswith("?"):
        raise AspectError(f"{path}: '{text}' is no question; it must end with '?' and be answered by Yes or No")
    aspect = Aspect(**{**entry, "question": text})
    if aspect.weight < 0:
        raise AspectError(f"{path}: the weight of '{text}' is {aspect.weight}; it must not be negative")
    if aspect.mirror and not aspect.orientation_sensitive:
        raise AspectError(f"{path}: '{text}' has a mirror but is not marked orientation_sensitive: true")
    return aspect


def _check_unique(aspects: list[Aspect], place: str) -> None:
    seen: set[str] = set()
    for aspect in aspects:
        normal = " ".join(aspect.question.lower().split())
        if normal in seen:
            raise AspectError(f"{place}: '{aspect.question}' stands twice")
        seen.add(normal)
