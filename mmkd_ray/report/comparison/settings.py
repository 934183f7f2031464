"""The keys of configurations that differ, and which of them decide numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mmkd_ray.answers.identity import NOT_IDENTITY
from mmkd_ray.aspects.questions import is_selected
from mmkd_ray.config import Config
from mmkd_ray.data.table import NOT_IMAGES

Decides: TypeAlias = Literal["yes", "no", "by content"]
"""`by content`: the value says where something is, and what is there decides."""
_DECIDING = ("data", "aspects", "pilot", "teacher", "student", "train", "study", "evaluate")
"""Sections; no key of the others decides a number."""
_PLACES = ("data.path", "data.root", "data.classes", "aspects.path", "aspects.llm", "student.pretrained")
_NAMES_WEIGHTS = ("model", "revision")
"""Of a checkpoint, which is identified by its content."""


@dataclass(frozen=True)
class KeyDifference:
    """A key whose values differ."""

    key: str
    """With dots: `train.alpha`."""
    values: tuple[Any, ...]
    """One a run; None where the run's kind of section has no such key."""
    decides: Decides
    """Whether it decides numbers."""


def key_differences(configs: Sequence[Config]) -> list[KeyDifference]:
    """The keys that are not the same in all configurations, in the order of the first."""
    flat = [_flat(config.model_dump(mode="json")) for config in configs]
    keys = list(dict.fromkeys(key for one in flat for key in one))
    return [
        KeyDifference(key, tuple(one.get(key) for one in flat), decides_numbers(key, configs))
        for key in keys
        if any(key not in one or one[key] != flat[0].get(key) for one in flat)
    ]


def decides_numbers(key: str, configs: Sequence[Config]) -> Decides:
    """Whether a key enters the identity of something that has numbers."""
    section, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if f"{section}.{name}" in _PLACES:
        return "by content"
    if section == "teacher":
        return _of_the_teacher(name, {config.teacher.kind for config in configs})
    if section == "data" and name == "fit":
        decides = not all(config.data.squares for config in configs)
    elif section == "data":
        decides = name not in NOT_IMAGES
    elif section == "pilot":
        decides = any(is_selected(config) for config in configs)
    else:
        decides = section in _DECIDING
    return "yes" if decides else "no"


def _of_the_teacher(name: str, kinds: set[str]) -> Decides:
    if kinds == {"vllm"} and name in _NAMES_WEIGHTS:
        return "by content"
    if name == "max_model_len":  # an image whose prompt is longer has no answers
        return "yes"
    return "no" if all(name in NOT_IDENTITY.get(kind, ()) for kind in kinds) else "yes"


def _flat(tree: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{at}{key}.") if isinstance(value, Mapping) else {f"{at}{key}": value}
    return found
