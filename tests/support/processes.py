"""Starting `mmkd` and Ray as a user does, in processes that can be found again and ended one by one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

BIN = Path(sys.executable).parent
MARK = "MMKD_TEST_MARK"
_RAYS_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Where a cluster is killed, they try to tell its control service, which may be gone, for up to a minute."""


@dataclass
class Marked:
    """Processes that carry a mark in their environment, as all their children do."""

    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def environment(self, **extra: str) -> dict[str, str]:
        """The environment to start them with: that of an activated virtual environment."""
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, MARK: self.mark, "RAY_AUTH_MODE": "token", **extra}

    def alive(self) -> list[psutil.Process]:
        """Those that live, zombies left out."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def wait_until_gone(self, seconds: float = 10, agents_seconds: float = 90) -> list[str]:
        """Command lines of those that still live after so many seconds; of Ray's own agents, after so many more."""
        started = time.monotonic()
        while living := [line for process in self.alive() if (line := _command_line(process))]:
            waited = time.monotonic() - started
            if waited > seconds and (
                waited > agents_seconds or not all(line.startswith(_RAYS_AGENTS) for line in living)
            ):
                break
            time.sleep(0.2)
        return living

    def end(self) -> None:
        """Kill what is left."""
        for process in self.alive():
            process.kill()


def _command_line(process: psutil.Process) -> str:
    """Its beginning; empty if it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())[:120] or process.name()
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def marked() -> Iterator[Marked]:
    """Marked processes that do not outlive the block."""
    processes = Marked()
    try:
        yield processes
    finally:
        processes.end()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_mmkd(
    processes: Marked, *arguments: str, cwd: Path, timeout: float = 400, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `mmkd` to its end."""
    return subprocess.run(
        [str(BIN / "mmkd"), *arguments],
        cwd=cwd,
        env=processes.environment(**environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextmanager
def started(
    processes: Marked, *arguments: str, cwd: Path, output: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A running `mmkd` that prints into a file; ended, if it is not, with the block."""
    with output.open("wb") as stream:
        driver = subprocess.Popen(
            [str(BIN / "mmkd"), *arguments],
            cwd=cwd, env=processes.environment(**environment), stdout=stream, stderr=stream,
        )  # fmt: skip
    try:
        yield driver
    finally:
        driver.kill()
        driver.wait()


def wait_for(condition: Callable[[], Any], driver: subprocess.Popen[bytes], output: Path, seconds: float = 240) -> None:
    """Wait until something has happened while the driver runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, f"ended too early:\n{output.read_text()}"
        assert time.monotonic() < deadline, f"never happened:\n{output.read_text()}"
        time.sleep(0.05)


def hide_libraries(folder: Path) -> None:
    """Write modules into a folder that have the names of libraries, and fail: nobody may import them."""
    for library in ("statistics", "numpy", "pyarrow"):
        (folder / f"{library}.py").write_text("raise RuntimeError('a module in the current folder was imported')")
