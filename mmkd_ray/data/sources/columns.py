"""Columns of a table by their role: named in the configuration, or found by their usual names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa

from mmkd_ray.config import TableColumns
from mmkd_ray.errors import DataError, few

_PATHS = ("path", "file", "filename", "filepath", "imagepath", "imagefile", "imagefilename", "imgpath", "imgfilename")
_USUAL = {
    "path": (*_PATHS, "image", "img"),
    "label": ("label", "class", "classname", "category", "target", "cls"),
    "split": ("split", "set", "partition", "subset"),
    "group": (),
    "image": ("image", "img", "picture", "photo", "imagebytes", "bytes", "jpg", "jpeg", "png", "webp"),
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


def find_image_column(columns: pa.Schema, named: str, *, place: str, key: str = "data.columns.image") -> str | None:
    """The column of encoded images: bytes, or Hugging Face's `{bytes, path}`; None if there is none.

    Args:
        columns: that there are.
        named: the one that is meant; empty for one that is found.
        place: the data set, for messages.
        key: what names one, for messages.

    Raises:
        DataError: the named one is not there, or has no images; or several could be meant.
    """
    names = [field.name for field in columns if _holds_images(field.type)]
    if named and named not in columns.names:
        raise DataError(f"{key}: {place} has no column '{named}'; it has {_shown(columns.names, named)}")
    if named and named not in names:
        raise DataError(
            f"{key}: '{named}' of {place} is of the type {columns.field(named).type}; accepted are bytes "
            f"and {{bytes, path}}{f': {few(names)}' if names else ''}"
        )
    return named or (names[0] if len(names) == 1 else _usual(names, "image", place, key)) or None


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_images(kind.field("bytes").type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def read_from(columns: Mapping[str, str]) -> str:
    """The column of each role, for a person."""
    return ", ".join(f"{role} from '{name}'" for role, name in columns.items())


def _usual(present: Sequence[str], role: str, place: str, key: str = "") -> str:
    names = [name for name in present if re.sub(r"[^a-z0-9]", "", name.casefold()) in _USUAL[role]]
    if len(names) > 1:
        raise DataError(
            f"{place}: {few(names)} may all be its {role}; say which one by {key or f'data.columns.{role}'}={names[0]} "
            f"(it has {_shown(present, role)})"
        )
    return names[0] if names else ""


def _shown(present: Sequence[str], near: str) -> str:
    return few(present, near=near, most=_MANY) or "no columns"
