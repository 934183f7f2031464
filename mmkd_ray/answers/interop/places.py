"""Files given by a user: a local path, or a URI that pyarrow reads."""

from __future__ import annotations

from pathlib import Path

from mmkd_ray.artifacts import Folder


def locate(path: str) -> tuple[Folder, str]:
    """The parent folder of a file or folder, and its name there; relative paths start at the current folder.

    Args:
        path: e.g. `p_yes.json`, `~/p_yes.json`, `s3://bucket/p_yes.json`.
    """
    whole = path.rstrip("/") if "://" in path else str(Path(path).expanduser().absolute())
    parent, _, name = whole.rpartition("/")
    return Folder(parent or "/"), name
