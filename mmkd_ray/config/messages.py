"""Turn pydantic's errors into sentences: the key's path, the value found, and a suggestion."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any, get_args

from mmkd_ray.config.aspects import FieldGuideAspects, FileAspects, LlmAspects, OpenAiLlm, QuestionRules, VllmLlm
from mmkd_ray.config.base import Section
from mmkd_ray.config.data import Data, ImageColumns
from mmkd_ray.config.locations import masked
from mmkd_ray.config.root import Config
from mmkd_ray.config.teacher import ImportedTeacher, NoInferenceTeacher, OpenAiTeacher, VllmTeacher
from mmkd_ray.config.tune import Domain

_VARIANTS: dict[str, tuple[type[Section], ...]] = {
    "data": get_args(get_args(Data)[0]),
    "aspects": (FieldGuideAspects, FileAspects, LlmAspects),
    "aspects.llm": (OpenAiLlm, VllmLlm),
    "teacher": (VllmTeacher, OpenAiTeacher, ImportedTeacher, NoInferenceTeacher),
}
"""Sections that exist in several kinds."""
_MOVED = {"tune.trackers": "tracking.trackers"}
"""Keys of earlier versions that have another place."""
TAG = {"data": "source", "aspects": "source", "aspects.llm": "kind", "teacher": "kind"}
"""The key of each such section that names its kind."""


def describe(error: Any) -> str:
    """One line for one of pydantic's errors, with the key's path."""
    # A discriminated union puts its tag into the path: data.folder.path is data.path to the user.
    path = _without_tags([str(part) for part in error["loc"]])
    key = ".".join(path) or "configuration"
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"unknown key '{key}'{_suggest(path, error['loc'])}"
    if kind == "missing":
        return _missing(path, error["loc"][-1], error["input"])
    if kind == "union_tag_not_found":
        return f"missing key '{key}.{TAG[key]}': accepted are {TAG[key]} = {_tags(key)}{_replaced_whole(path)}"
    if kind == "union_tag_invalid":
        return f"{key}.{TAG[key]}: got '{error['ctx']['tag']}'; accepted are {_tags(key)}"
    if not path or (path == [error["loc"][0]] and isinstance(error["input"], dict)):
        return message  # from a check of several keys: the message names them
    advice = _quoting(error["input"]) if kind == "string_type" else ""
    if kind in ("list_type", "tuple_type") and not isinstance(error["input"], dict | type(None)):
        message = f"a list is accepted, e.g. [{show(error['input']).strip(chr(34))}]"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        message = f"a section is accepted: lines of KEY: VALUE, or {key}.KEY=VALUE on the command line"
    if kind == "string_pattern_mismatch":  # of the run's name, the only one
        message = "letters, digits, dots, dashes and underscores are accepted, a letter or a digit first"
    if message[1:2].islower():  # of one that begins with a name such as STORAGE, the capital stays
        message = message[0].lower() + message[1:]
    return f"{key}: got {show(error['input'])}; {message}{advice}"


def _missing(path: list[str], last: str | int, given: Any) -> str:
    if isinstance(last, int):
        return f"{'.'.join(path[:-1])}: got {show(given)}; value {last + 1} is missing"
    return f"missing key '{'.'.join(path)}'{_replaced_whole(path[:-1])}"


def _quoting(value: Any) -> str:
    """What to do where text is wanted and YAML gave something else."""
    if isinstance(value, dict) and all(inner is None for inner in value.values()):
        return ": write text that begins with a brace in quotes, e.g. '{" + next(iter(value), "question") + "} ...'"
    # What was written is not known any more: 25921e05 has become 2592100000.0.
    return ": if it is meant as text, write it in quotes as it is, '...'" if value is not None else ""


def _replaced_whole(section: list[str]) -> str:
    """A hint for a section within a section: a file merged into another replaces it as one value."""
    if len(section) < 2:
        return ""
    name = ".".join(section)
    return (
        f" (a file merged into another replaces {name} whole: repeat all its keys there, or set one by "
        f"{name}.KEY=VALUE on the command line)"
    )


def _without_tags(path: list[str]) -> list[str]:
    for section in _VARIANTS:
        prefix = section.split(".")
        if path[: len(prefix)] == prefix and len(path) > len(prefix):
            path = [*prefix, *path[len(prefix) + 1 :]]
    return path


def show(value: Any) -> str:
    """A value as JSON, cut to 60 characters."""
    text = json.dumps(masked(value) if isinstance(value, str) else value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _sections() -> dict[str, tuple[type[Section], ...]]:
    variants = {**_VARIANTS, "aspects.rules": (QuestionRules,), "data.columns": (ImageColumns,)}
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            variants[name] = (field.annotation,)
    return variants


def _tags(section: str, kinds: Sequence[type[Section]] = ()) -> str:
    """What the key that names a section's kind can be, or is for some kinds."""
    return ", ".join(f"'{_tag(section, kind)}'" for kind in kinds or _VARIANTS[section])


def _tag(section: str, kind: type[Section]) -> str:
    return get_args(kind.model_fields[TAG[section]].annotation)[0]


def _suggest(path: list[str], location: Sequence[str | int]) -> str:
    """`; did you mean 'train.lr'?`, or the keys that are accepted there; pydantic's location has a section's kind."""
    if moved := _MOVED.get(".".join(path)):
        return f"; it is '{moved}' now"
    sections, section = _sections(), ".".join(path[:-1])
    if len(path) == 1:
        accepted = list(Config.model_fields)
    elif path[:2] == ["tune", "space"]:
        accepted = list(Domain.model_fields)
    else:
        accepted = list(dict.fromkeys(key for variant in sections.get(section, ()) for key in variant.model_fields))
    if section in _VARIANTS and path[-1] in accepted:
        kinds = [variant for variant in sections[section] if path[-1] in variant.model_fields]
        return f"; it belongs to {section}.{TAG[section]} = {_tags(section, kinds)}"
    near = difflib.get_close_matches(path[-1], accepted, n=1)
    everywhere = {
        f"{section}.{key}" for section, variants in sections.items() for v in variants for key in v.model_fields
    }
    elsewhere = sorted(name for name in everywhere if name.endswith(f".{path[-1]}"))
    if near:
        return f"; did you mean '{'.'.join([*path[:-1], near[0]])}'?"
    if elsewhere:
        return f"; did you mean '{elsewhere[0]}'?"
    chosen = [variant for variant in sections.get(section, ()) if section in TAG and _tag(section, variant) in location]
    return f"; accepted here: {', '.join(chosen[0].model_fields if chosen else accepted)}"
