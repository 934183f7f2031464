"""What no value of a YAML file may be, wherever it stands."""

from __future__ import annotations

from typing import Any

from mmkd_ray.config.locations import check_no_credentials
from mmkd_ray.errors import ConfigError

_MOST = 2**63 - 1
"""The largest whole number that a table can hold."""
_LARGEST = 3.4028234663852886e38
"""The largest float32: what is larger is infinite to the models that compute with it."""


def check_values(tree: Any, *, where: str = "") -> None:
    """Refuse what cannot be computed with or written down: infinite numbers, half characters, odd types, keys in URIs.

    Args:
        tree: plain values, as read from YAML.
        where: what the message begins with, such as the file's path.

    Raises:
        ConfigError: one line with the key's path.
    """
    if problem := _problem(tree, ""):
        raise ConfigError(f"{where}: {problem}" if where else problem)


def _problem(value: Any, path: str) -> str | None:
    if isinstance(value, dict):
        places = [(f"{path}.{key}" if path else str(key), each) for key, each in value.items()]
        problems = [_of_one(key, path or "a key") for key in value] + [_problem(each, place) for place, each in places]
    elif isinstance(value, list | tuple):
        problems = [
            _problem(each, f"{path}.{place}" if path else f"entry {place + 1}") for place, each in enumerate(value)
        ]
    else:
        return _of_one(value, path or "value")
    return next((problem for problem in problems if problem), None)


def _of_one(value: Any, path: str) -> str | None:
    if isinstance(value, float) and not abs(value) <= _LARGEST:
        return f"{path}: got {value}; a number must be finite (no .inf, no .nan, nothing above {_LARGEST:g})"
    if isinstance(value, int) and abs(value) > _MOST:
        return (
            f"{path}: got {str(value)[:24]}...; a whole number has 64 bits at most"
            if len(str(value)) > 24
            else (f"{path}: got {value}; a whole number has 64 bits at most")
        )
    if isinstance(value, str):
        return _half_a_character(value, path) or _credentials(value, path)
    if not (value is None or isinstance(value, bool | int | float)):
        return f"{path}: got {value!r}, a {type(value).__name__}; if it is meant as text, write it in quotes"
    return None


def _credentials(text: str, path: str) -> str | None:
    if path.endswith(".hf_token"):  # of engine_args
        return f"{path}: a key does not belong in a configuration; set HF_TOKEN in the environment of every node"
    try:
        check_no_credentials(text, where=path)
    except ConfigError as error:
        return str(error)
    return None


def _half_a_character(text: str, path: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = text.encode("ascii", "backslashreplace").decode()
        half = text[error.start].encode("ascii", "backslashreplace").decode()
        name = path.encode("ascii", "backslashreplace").decode()
        return f"{name}: '{shown}' has {half}, half of a character: text must be valid Unicode; write it anew"
    return None
