"""How much memory the processes of this machine may use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_NO_LIMIT = 2**60
"""Version 1 of control groups writes a number like this where there is no limit."""


@dataclass(frozen=True)
class Limit:
    """Bytes, and what sets them."""

    size: int
    source: str


def memory_limit(root: Path = Path("/")) -> Limit:
    """The least of the machine's memory and the limits of the control groups that this process is in.

    Args:
        root: where `proc` and `sys` are.
    """
    machine = Limit(_meminfo(root)["MemTotal"], "this machine's memory")
    groups = [Limit(size, "this container's limit (cgroup)") for size in _group_limits(root)]
    return min([machine, *groups], key=lambda limit: limit.size)


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that are free, or that the kernel can free, on the whole machine."""
    return _meminfo(root)["MemAvailable"]


def _meminfo(root: Path) -> dict[str, int]:
    lines = (line.split() for line in (root / "proc/meminfo").read_text().splitlines())
    return {name.rstrip(":"): int(kib) * 1024 for name, kib, *_ in lines}


def _group_limits(root: Path) -> list[int]:
    """Limits of this process's control group and of all groups around it.

    In a container `proc` may name the group as it is called outside, where no such folder is mounted: then those that
    exist on the way up decide.
    """
    limits = []
    for controllers, group in _groups(root):
        if not controllers:
            base, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            base, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        inner = base / group.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(base) and (folder / name).is_file():
                text = (folder / name).read_text().strip()
                limits += [int(text)] if text.isdigit() and int(text) < _NO_LIMIT else []
    return limits


def _groups(root: Path) -> list[tuple[str, str]]:
    """(controllers, path) of each line `9:memory:/docker/abc`, or `0::/user.slice` of version 2."""
    file = root / "proc/self/cgroup"
    if not file.is_file():
        return []
    return [(controllers, group) for _, controllers, group in (x.split(":", 2) for x in file.read_text().splitlines())]
