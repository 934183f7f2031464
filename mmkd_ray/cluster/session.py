"""The folder of a private cluster's sockets and logs; Ray itself is not imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mmkd_ray.errors import ClusterError

LONGEST_SOCKET = 107
"""Bytes of a path that Linux accepts for a socket."""
_SOCKET = "/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
"""What Ray appends to its folder."""
_SHORT = Path("/tmp")  # noqa: S108 (the one folder that is short and there everywhere)


def temporary_folder() -> Path:
    """Where Ray would make its folder: RAY_TMPDIR, or the system's temporary folder, TMPDIR."""
    return Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()).absolute()


def is_short(folder: Path) -> bool:
    """Whether Linux accepts the paths of Ray's sockets in `folder`/ray."""
    return len(os.fsencode(folder / "ray")) + len(_SOCKET) <= LONGEST_SOCKET


def session_folder() -> str | None:
    """The folder to give to Ray; None for its own choice. Where that is too long, as on Slurm, a folder in /tmp.

    Raises:
        ClusterError: the temporary folder is too long for Ray's sockets, and /tmp cannot be written.
    """
    place = temporary_folder()
    if is_short(place):
        return None
    if not os.access(_SHORT, os.W_OK | os.X_OK):
        raise ClusterError(
            f"TMPDIR is too long for Ray's sockets, and {_SHORT} cannot be written: got {place}, "
            f"{len(os.fsencode(place))} bytes; accepted are {LONGEST_SOCKET - len('/ray' + _SOCKET)}: set RAY_TMPDIR "
            "to a shorter path on this machine's own disk"
        )
    return str(_SHORT / f"ray-{os.getuid()}")
