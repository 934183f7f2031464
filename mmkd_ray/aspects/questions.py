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
    """One yes/no question.

    `orientation_sensitive` says that a horizontal flip of the image can change the answer ("facing left").
    """

    question: str
    orientation_sensitive: bool = False

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
        aspects = [Aspect(question.text, question.orientation_sensitive) for question in fieldguide.QUESTIONS]
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


def _parse(entry: Any, path: str) -> Aspect:
    if isinstance(entry, str):
        entry = {"question": entry}
    keys = {"question", "orientation_sensitive"}
    if not isinstance(entry, dict) or "question" not in entry or set(entry) - keys:
        raise AspectError(f"{path}: expected a text or {{question: ..., orientation_sensitive: ...}}, got {entry!r}")
    text = str(entry["question"]).strip()
    if not text.endswith("?"):
        raise AspectError(f"{path}: '{text}' is no question; it must end with '?' and be answered by Yes or No")
    return Aspect(text, bool(entry.get("orientation_sensitive", False)))


def _check_unique(aspects: list[Aspect], place: str) -> None:
    seen: set[str] = set()
    for aspect in aspects:
        normal = " ".join(aspect.question.lower().split())
        if normal in seen:
            raise AspectError(f"{place}: '{aspect.question}' stands twice")
        seen.add(normal)
