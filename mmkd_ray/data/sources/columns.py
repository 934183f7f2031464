"""Columns of a table by their role: named in the configuration, or found by their usual names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mmkd_ray.config import TableColumns
from mmkd_ray.errors import DataError, few

_PATHS = ("path", "file", "filename", "filepath", "imagepath", "imagefile", "imagefilename", "imgpath", "imgfilename")
_USUAL = {
    "path": (*_PATHS, "image", "img"),
    "label": ("label", "class", "classname", "category", "target"),
    "split": ("split", "set", "partition", "subset"),
    "group": (),
}
"""In small letters, without anything but letters and digits."""
_MANY = 60
"""Columns that a message lists."""


def find_columns(
    present: Sequence[str], named: TableColumns, *, required: Sequence[str], optional: Sequence[str], place: str
) -> dict[str, str]:
    """The column of each role, as far as there is one.

    Args:
        present: the columns that there are.
        named: `data.columns`.
        required: roles that must have one: `path`, `label`, `split`, `group`.
        optional: roles that may have one.
        place: the table, for messages.

    Raises:
        DataError: a column is not there, or several could be meant.
    """
    found = {}
    for role in (*required, *optional):
        name = getattr(named, role) or _usual(present, role, place)
        if name and name not in present:
            raise DataError(f"data.columns.{role}: {place} has no column '{name}'; it has {_shown(present, name)}")
        if not name and role in required:
            raise DataError(
                f"{place} has no column that is its {role} by name; it has {_shown(present, role)}: say which one by "
                f"data.columns.{role}=NAME"
            )
        if name:
            found[role] = name
    return found


def read_from(columns: Mapping[str, str]) -> str:
    """The column of each role, for a person."""
    return ", ".join(f"{role} from '{name}'" for role, name in columns.items())


def _usual(present: Sequence[str], role: str, place: str) -> str:
    names = [name for name in present if re.sub(r"[^a-z0-9]", "", name.casefold()) in _USUAL[role]]
    if len(names) > 1:
        raise DataError(
            f"{place}: {few(names)} may all be its {role}; say which one by data.columns.{role}={names[0]} (it has "
            f"{_shown(present, role)})"
        )
    return names[0] if names else ""


def _shown(present: Sequence[str], near: str) -> str:
    return few(present, near=near, most=_MANY) or "no columns"
