"""Checkpoints that cannot be read: they count as none, with a line that names them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmkd_ray.artifacts import Folder
from mmkd_ray.console import notice
from mmkd_ray.errors import one_line

NOTES = "checkpoint_manager_snapshot.json"
"""Ray Train's notes of a lane's checkpoints; Ray writes them in place, so a kill may leave half of them."""


def drop_unreadable(lane: Folder) -> None:
    """Delete a lane's checkpoints where Ray's notes of them cannot be read: it would end with an error of its own.

    Args:
        lane: Ray Train's folder of it, which need not be there.
    """
    if not lane.exists(NOTES):
        return
    try:
        noted = json.loads(lane.read_bytes(NOTES))["checkpoint_results"]
        gone = [entry["checkpoint_dir_name"] for entry in noted if not lane.exists(entry["checkpoint_dir_name"])]
        reason = f"{gone[0]} is gone" if gone else ""
    except (ValueError, TypeError, KeyError) as error:
        reason = one_line(error)
    if reason:
        notice(f"{lane.place(NOTES)} is damaged ({reason}): the students that were in training begin from the start")
        lane.delete()


def load_state(path: Path, place: str, tell: Callable[[str], None]) -> dict[str, Any] | None:
    """The state that a checkpoint holds; None if it cannot be read.

    Args:
        path: the file.
        place: where the checkpoint is on storage, for people.
        tell: called with a line if it cannot be read.
    """
    import torch  # noqa: PLC0415 (the driver need not import it)

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict):
            return state
        reason = f"it holds {type(state).__name__}"
    except Exception as error:  # whatever half an archive leads to
        reason = one_line(error)
    tell(f"{place}/{path.name} is damaged ({reason}): training begins from the start")
    return None
