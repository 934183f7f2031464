"""Hashes of files, and the checksum that a JSON file has of itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_CHECKSUM = "checksum"
"""Key of a JSON file: the hash of all its others."""


def with_checksum(value: dict[str, Any]) -> dict[str, Any]:
    """A mapping with its checksum as the last key."""
    return {**value, _CHECKSUM: _checksum(value)}


def content_hash(content: bytes) -> str:
    """Of a file, to notice that it has changed."""
    return hashlib.sha256(content).hexdigest()[:16]


def take_checksum(value: dict[str, Any]) -> bool:
    """Take the checksum out of a mapping; whether it is right, or there has never been one."""
    if _CHECKSUM in value:
        return value.pop(_CHECKSUM) == _checksum(value)
    # Its key, the last one, may be what is damaged.
    return not value or list(value.values())[-1] != _checksum(dict(list(value.items())[:-1]))


def _checksum(value: dict[str, Any]) -> str:
    """Of a mapping as JSON, whatever the order of its keys."""
    return content_hash(json.dumps(json.loads(json.dumps(value)), sort_keys=True).encode())
