"""Cores of a machine, claimed by processes that must not share them."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

_claims: list[IO[str]] = []
"""Open lock files of this process: the kernel gives a lock back when its process ends, however it ends."""


def claim_cores(count: int) -> set[int]:
    """Claim `count` cores of this machine that no other process of this user has claimed.

    Falls back to all the cores this process may use when fewer are free: slower, and still right.

    Returns:
        Numbers of the cores, among those this process may run on.
    """
    allowed = sorted(os.sched_getaffinity(0))
    claimed: dict[int, IO[str]] = {}
    for core in allowed:
        if len(claimed) == count:
            break
        lock = _lock_file(core).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        claimed[core] = lock
    if len(claimed) < count:
        for lock in claimed.values():
            lock.close()
        return set(allowed)
    _claims.extend(claimed.values())
    return set(claimed)


def _lock_file(core: int) -> Path:
    folder = Path(tempfile.gettempdir()) / f"mmkd-cores-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{core}.lock"
