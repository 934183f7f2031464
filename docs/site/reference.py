"""The reference of all configuration keys, from the docstrings of the models: one Markdown page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from mmkd_ray.config import ARMS, Config

Schema: TypeAlias = Mapping[str, Any]

_INTRODUCTION = """# Configuration keys

All keys of the YAML file that describes a run, with what they accept and their defaults, as the models in
`mmkd_ray/config` say it. `mmkd config CONFIG` prints a configuration with every default filled in; how files and
overrides go together says [Configurations](configuration.md).
"""


def reference() -> str:
    """The page."""
    schema = Config.model_json_schema()
    return "\n".join([_INTRODUCTION, *_Writer(schema["$defs"]).sections(schema["properties"]), *_arms()])


class _Writer:
    """Writes sections; each model once."""

    def __init__(self, models: Mapping[str, Schema]) -> None:
        self._models, self._written = models, {}

    def sections(self, properties: Mapping[str, Schema]) -> Iterator[str]:
        for name, schema in properties.items():
            yield f"## `{name}`\n"
            if kinds := self._kinds(schema):
                yield from self._of_kinds(name, kinds)
            else:
                yield f"{_accepted(schema)}{_default(schema)}. {schema.get('description', '')}\n"

    def _of_kinds(self, path: str, kinds: Sequence[str]) -> Iterator[str]:
        """A section, or the kinds of one: first the keys that all kinds have alike, then each kind's own."""
        if len(kinds) == 1:
            yield f"{self._models[kinds[0]].get('description', '')}\n"
            yield from self._keys(path, self._models[kinds[0]]["properties"])
            self._written[kinds[0]] = path
            return
        groups = self._alike(kinds)
        for kind in kinds:
            model = self._models[kind]
            own = {
                key: schema
                for key, schema in model["properties"].items()
                if "const" not in schema and not any(kind in of and key in keys for of, keys in groups.items())
            }
            yield f"### `{path}` with `{self._tag(kind)}`\n\n{model.get('description', '')}\n"
            yield from self._keys(path, own)
        for of, keys in groups.items():
            yield f"### `{path}`: keys of {', '.join(f'`{self._tag(kind).split()[-1]}`' for kind in of)}\n"
            yield from self._keys(path, keys)

    def _tag(self, kind: str) -> str:
        """The key that makes a section this kind: `source: folder`."""
        return next(
            f"{key}: {schema['const']}" for key, schema in self._models[kind]["properties"].items() if "const" in schema
        )

    def _alike(self, kinds: Sequence[str]) -> dict[tuple[str, ...], dict[str, Schema]]:
        """Keys that some kinds have alike, by these kinds: written once."""
        found: dict[tuple[str, ...], dict[str, Schema]] = {}
        for key in dict.fromkeys(key for kind in kinds for key in self._models[kind]["properties"]):
            of_kind = {kind: self._models[kind]["properties"].get(key) for kind in kinds}
            for schema in _distinct(of_kind.values()):
                alike = tuple(kind for kind, its in of_kind.items() if its == schema)
                if len(alike) > 1:
                    found.setdefault(alike, {})[key] = schema
        return found

    def _keys(self, path: str, properties: Mapping[str, Schema]) -> Iterator[str]:
        nested = []
        for key, schema in properties.items():
            name, kinds = f"{path}.{key}", self._kinds(schema)
            what = self._section_of(kinds[0]) if kinds else _accepted(schema)
            nested += [(name, kinds)] if kinds and kinds[0] not in self._written else []
            text = " ".join(schema.get("description", "").split())
            head = f"`{name}` · {what}{'' if kinds else _default(schema)}"
            yield f"{head}\n:   {text}\n" if text else f"{head}\n"
        for name, kinds in nested:
            at = f"{name}.KEY" if "space" in name else name
            yield f"#### `{name}`\n"
            yield from self._of_kinds(at, kinds)

    def _section_of(self, kind: str) -> str:
        return f"keys as those of `{self._written[kind]}`" if kind in self._written else "a section, see below"

    def _kinds(self, schema: Schema) -> list[str]:
        """The names of the models that a value may be of."""
        choices = [schema, *schema.get("oneOf", []), *schema.get("anyOf", []), schema.get("additionalProperties", {})]
        return [one["$ref"].rpartition("/")[2] for one in choices if isinstance(one, Mapping) and "$ref" in one]


def _distinct(schemas: Iterable[Schema | None]) -> list[Schema]:
    found: list[Schema] = []
    for schema in schemas:
        if schema is not None and schema not in found:
            found.append(schema)
    return found


def _accepted(schema: Schema) -> str:
    """What a key accepts, in words."""
    if choices := schema.get("anyOf"):
        return " or ".join("unset" if one.get("type") == "null" else _accepted(one) for one in choices)
    if "enum" in schema:
        return " | ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type"))
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(_accepted(one) for one in schema['prefixItems'])}]"
    if kind == "array":
        return f"list of {_accepted(schema['items'])}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    return words.get(kind, "mapping" if kind == "object" else "any value") + _limits(schema)


def _limits(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    parts = [] if low is None else [f"at least {low:g}"]
    parts += [] if above is None else [f"above {above:g}"]
    parts += [] if high is None or high >= 2**31 else [f"at most {high:g}"]
    parts += [] if below is None else [f"below {below:g}"]
    return f" ({', '.join(parts)})" if parts else ""


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return " · required"
    value = schema["default"]
    return "" if value is None else f" · default `{json.dumps(value, ensure_ascii=False)}`"


def _arms() -> Iterator[str]:
    yield "## Arms\n\nWhat `study.arms` and `tune.arm` accept.\n"
    yield "| arm | what its students are taught |\n|---|---|"
    yield from (f"| `{name}` | {arm.description} |" for name, arm in ARMS.items())
    yield ""
