"""One set of rules for plain words and numbers in YAML, for the reader and the writer: those of YAML 1.2.

PyYAML's own are of YAML 1.1, where `no` is false, `12:30` is 750, `010` is 8 and `1e5` is text; and its writer leaves
without quotes what another reader takes for a number.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
_RULES = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", "<"),
}


class Loader(yaml.SafeLoader):
    """SafeLoader that reads words and numbers as YAML 1.2 does, and refuses a key that is a duplicate."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


class Dumper(yaml.SafeDumper):
    """SafeDumper that puts in quotes whatever a reader of YAML 1.1 or 1.2 takes for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write what occurs twice twice."""
        return True


def _text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML folds these ends of lines, which no other style keeps.
    style = '"' if re.search("[\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


Dumper.add_representer(str, _text)

for _name, (_pattern, _first) in _RULES.items():
    for _class in (Loader, Dumper):
        _class.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _integer(loader: Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    try:
        return int(text, base)
    except ValueError as error:  # Python converts 4,300 digits at most
        raise yaml.constructor.ConstructorError(None, None, "a number of too many digits", node.start_mark) from error


def _mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value if key.tag != f"{_TAG}merge"]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"key '{key}' is a duplicate", node.start_mark)
    # Merged keys (`<<: *base`) come first, so that the mapping's own replace them.
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor(f"{_TAG}int", _integer)
Loader.add_constructor(f"{_TAG}merge", Loader.construct_scalar)  # `<<` as a value is text
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(text: str) -> Any:
    """The value of a YAML document.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 (a subclass of SafeLoader)
    except ValueError as error:  # of a tag such as !!float before another word
        raise yaml.YAMLError(str(error)) from error
    except RecursionError as error:
        raise yaml.YAMLError("lists or mappings in each other, hundreds deep") from error


def write(value: Any) -> str:
    """A value as YAML that `read` reads back as it is."""
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
