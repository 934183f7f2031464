"""Memory of this process and all that it has started: a driver, Ray's processes and workers, the object store."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INTERVAL_S = 0.5


class PeakMemory:
    """The largest sum of proportional set sizes (shared pages, the object store's too, count once), in bytes."""

    def __init__(self) -> None:
        self.bytes = 0

    def sample(self) -> None:
        """Look once."""
        self.bytes = max(self.bytes, sum(_proportional_size(pid) for pid in _family(os.getpid())))


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Sample while the block runs."""
    peak, stopped = PeakMemory(), threading.Event()

    def watch() -> None:
        while not stopped.wait(_INTERVAL_S):
            peak.sample()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopped.set()
        thread.join()


def _family(root: int) -> set[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # pid (name) state parent ...: the name may hold spaces and brackets.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, queue = set(), [root]
    while queue:
        pid = queue.pop()
        found.add(pid)
        queue += children.get(pid, [])
    return found


def _proportional_size(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0  # it has ended
    for line in rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
