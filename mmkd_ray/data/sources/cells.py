"""Single values of tables that people have, as text."""

from __future__ import annotations

import math
from typing import Any


def text_of(value: Any) -> str:
    """A value as text; empty where there is none: null, nan, or nothing but spaces."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
