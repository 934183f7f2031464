"""Claim CPU cores of a machine for a process, so that no two engines share a core."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import IO

_claims: list[IO[str]] = []
"""Open lock files of this process: the kernel releases a lock when its process ends, even if it is killed."""

_MAX_WAIT_S = 3.0


def claim_cores(count: int) -> set[int]:
    """Claim `count` cores of this machine that no other process of this user has claimed.

    Waits up to 3 s if fewer are free: an engine may start before the one that it replaces has ended. Then falls back to
    all cores that this process may use: slower, but correct.

    Returns:
        Numbers of the cores.
    """
    allowed = sorted(os.sched_getaffinity(0))
    deadline = time.monotonic() + (_MAX_WAIT_S if count <= len(allowed) else 0)
    while len(claimed := _claim_free(allowed, count)) < count:
        for lock in claimed.values():
            lock.close()
        if time.monotonic() > deadline:
            return set(allowed)
        time.sleep(0.1)
    _claims.extend(claimed.values())
    return set(claimed)


def release_cores() -> None:
    """Leave what this process has claimed to others; it stays bound to it, for what sleeps most of the time."""
    while _claims:
        _claims.pop().close()


def _claim_free(allowed: list[int], count: int) -> dict[int, IO[str]]:
    """Lock up to `count` of these cores; returns {core: open lock file}."""
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
