"""Cores of a machine, claimed by processes that must not share them."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import IO

_claims: list[IO[str]] = []
"""Open lock files of this process: the kernel gives a lock back when its process ends, however it ends."""

_PATIENCE_S = 3.0


def claim_cores(count: int) -> set[int]:
    """Claim `count` cores of this machine that no other process of this user has claimed.

    Waits a little where fewer are free: an engine that takes another's place comes before that one is quite gone.
    Then falls back to all the cores this process may use: slower, and still right.

    Returns:
        Numbers of the cores, among those this process may run on.
    """
    allowed = sorted(os.sched_getaffinity(0))
    give_up = time.monotonic() + (_PATIENCE_S if count <= len(allowed) else 0)
    while len(claimed := _claim_free(allowed, count)) < count:
        for lock in claimed.values():
            lock.close()
        if time.monotonic() > give_up:
            return set(allowed)
        time.sleep(0.1)
    _claims.extend(claimed.values())
    return set(claimed)


def _claim_free(allowed: list[int], count: int) -> dict[int, IO[str]]:
    """Lock up to `count` of these cores; the lock files by core."""
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
    return claimed


def _lock_file(core: int) -> Path:
    folder = Path(tempfile.gettempdir()) / f"mmkd-cores-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{core}.lock"
