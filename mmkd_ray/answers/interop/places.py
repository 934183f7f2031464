"""Files given by a user: a local path, or a URI that pyarrow reads."""

from __future__ import annotations

from mmkd_ray.artifacts import Folder


def locate(path: str) -> tuple[Folder, str]:
    """The parent folder of a file or folder, and its name there; relative paths start at the current folder.

    Args:
        path: e.g. `p_yes.json`, `~/p_yes.json`, `s3://bucket/p_yes.json`.
    """
    whole = Folder.at(path)
    return whole.parent, whole.uri.rstrip("/").rpartition("/")[2]
