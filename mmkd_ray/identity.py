"""What decides an artifact's numbers, as plain facts, and a short hash of them by which the artifact is found again.

Facts leave out what equals a default, so a new key with a default moves no identity: what was made before the key
existed is what is made with its default.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin

from mmkd_ray.config.base import Section
from mmkd_ray.config.messages import show

VERSIONS = {
    "image settings": 1,
    "images": 1,
    "teacher": 1,
    "teacher table": 1,
    "language model": 1,
    "selection settings": 1,
    "selection": 1,
    "student": 1,
    "study": 1,
    "predictions": 1,
    "evaluation": 1,
    "search": 1,
}
"""Version of each kind's facts. Raise it where the same facts come to mean something else: a default has another value,
or a key with an unchanged value has another effect. Everything of that kind is then made again."""


@dataclass(frozen=True)
class Identity:
    """What decides one artifact; plain JSON values, so that what was written to a record compares equal when read."""

    kind: str
    """Of `VERSIONS`."""
    version: int
    facts: Mapping[str, Any]
    """Never a path, a device or a speed."""

    def __post_init__(self) -> None:
        try:
            plain = json.loads(_canonical(self.facts)) == self.facts
        except (TypeError, ValueError):
            plain = False
        if not plain:
            raise TypeError(
                f"the facts of a {self.kind} must be plain JSON values (lists, no tuples), got {self.facts}"
            )

    @property
    def key(self) -> str:
        """16 hexadecimal digits, the same on every machine."""
        return fingerprint(**self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return {"kind": self.kind, "version": self.version, "facts": dict(self.facts)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Identity:
        """The identity that `as_dict` gave."""
        return cls(record["kind"], record["version"], record["facts"])

    def without(self, *names: str) -> Identity:
        """The same without some facts, to compare with one that cannot know them."""
        return Identity(self.kind, self.version, {key: value for key, value in self.facts.items() if key not in names})

    def with_facts(self, **more: Any) -> Identity:
        """The same with more facts."""
        return Identity(self.kind, self.version, {**self.facts, **more})


def identify(kind: str, /, **facts: Any) -> Identity:
    """The identity of an artifact of a kind in `VERSIONS`, by today's version of its facts."""
    return Identity(kind, VERSIONS[kind], facts)


def fingerprint(**values: Any) -> str:
    """Hash of plain values, 16 hexadecimal digits; for content. What an artifact is found by is `Identity.key`."""
    return hashlib.sha256(_canonical(values).encode()).hexdigest()[:16]


def settings(section: Any, *, include: Collection[str] | None = None, exclude: Collection[str] = ()) -> dict[str, Any]:
    """The values of a section that differ from its defaults, as plain JSON values.

    What tells the kinds of a section apart (`kind: vllm`, `source: folder`) always stays, and so does a key that has no
    default. A nested section is compared with its own defaults.

    Args:
        section: a section of the configuration, or any dataclass.
        include: the keys that are looked at; all of them if unset.
        exclude: keys that are not; those that this kind of a section does not have are ignored.
    """
    standard, facts = defaults(type(section)), {}
    for name in _names(type(section)):
        if name in exclude or (include is not None and name not in include):
            continue
        value = _plain(getattr(section, name))
        if name not in standard or not _same(value, standard[name]):
            facts[name] = value
    return facts


def defaults(section: type[Any], at: str = "") -> dict[str, Any]:
    """The default of each key that has one, as plain values; for `changes`, keys with `at` before them."""
    if issubclass(section, Section):
        found = {
            name: field.get_default(call_default_factory=True, validated_data={})
            for name, field in section.model_fields.items()
            if not (field.is_required() or _is_tag(field.annotation))
        }
    else:
        found = {field.name: field.default for field in fields(section) if field.default is not MISSING}
    return {f"{at}{key}": _plain(value) for key, value in found.items()}


def changes(before: Identity, now: Identity, *, at: str = "", standard: Mapping[str, Any] | None = None) -> list[str]:
    """What differs between two identities of a kind, a sentence for each fact, e.g. "train.lr was 0.01 and is 0.1".

    Args:
        before: as it was, maybe by an older version of the facts.
        now: as it is.
        at: what stands before each fact's name, e.g. `teacher.`
        standard: `defaults`; a fact that is left out has the value here.
    """
    standard = standard or {}
    differences = []
    if before.version != now.version:
        differences.append(f"the meaning of a default of the {now.kind} has changed with the version of mmkd_ray")
    for name in {**before.facts, **now.facts}:
        was, is_ = (identity.facts.get(name, standard.get(name)) for identity in (before, now))
        if not _same(was, is_):
            differences.append(f"{at}{name} was {_shown(was)} and is {_shown(is_)}")
    return differences


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else show(value)


def _names(section: type[Any]) -> list[str]:
    if issubclass(section, Section):
        return list(section.model_fields)
    return [field.name for field in fields(section)]


def _is_tag(annotation: Any) -> bool:
    """Whether a key has one possible value: it says which kind of a section this is."""
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def _plain(value: Any) -> Any:
    if isinstance(value, Section) or is_dataclass(value):
        return settings(value)
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value + 0.0 if isinstance(value, float) else value  # -0.0 is 0.0


def _same(one: Any, other: Any) -> bool:
    """Whether two plain values are one: a default may be written as 4 where a value that is read becomes 4.0."""
    return _canonical(_whole(one)) == _canonical(_whole(other))


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _whole(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_whole(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
