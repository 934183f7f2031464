"""Ray clusters of two nodes on this machine, started as the README has it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.support.processes import BIN, Marked, free_port, marked


@dataclass
class Cluster:
    """A head and a second node of one CPU each."""

    address: str
    dashboard: str
    processes: Marked
    environment: dict[str, str]
    second: subprocess.Popen[bytes]

    def second_raylet(self) -> psutil.Process:
        """The raylet of the second node; without it, the node is lost."""
        children = psutil.Process(self.second.pid).children(recursive=True)
        return next(process for process in children if process.name() == "raylet")


@contextmanager
def two_nodes() -> Iterator[Cluster]:
    """A cluster on ports of its own; it ends with the block."""
    port, dashboard = free_port(), free_port()
    # Not pytest's folder: the path of a socket has 107 characters at most.
    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as temporary, marked() as processes:
        environment = processes.environment()
        # Without a token file, a node that asks for tokens does not start.
        subprocess.run(
            [str(BIN / "ray"), "get-auth-token", "--generate"], env=environment, capture_output=True, check=True
        )
        head = [
            "start", "--head", "--block", f"--port={port}", f"--dashboard-port={dashboard}", "--num-cpus=1",
            f"--ray-client-server-port={free_port()}", f"--temp-dir={temporary}", "--disable-usage-stats",
        ]  # fmt: skip
        second = ["start", "--block", f"--address=127.0.0.1:{port}", "--num-cpus=1"]
        with Path(temporary, "nodes.log").open("wb") as log:
            for arguments in (head, second):
                # The agent takes jobs; another cluster on this machine may have its usual port.
                agent = f"--dashboard-agent-listen-port={free_port()}"
                node = subprocess.Popen([str(BIN / "ray"), *arguments, agent], env=environment, stdout=log, stderr=log)
                _wait_for_port(port)
            _wait_for_two_nodes(port, environment)
            yield Cluster(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", processes, environment, node)
        processes.end()
        assert processes.wait_until_gone() == []


def _wait_for_port(port, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(f"nothing listened on port {port} after {seconds} s")


def _wait_for_two_nodes(port, environment):
    for _ in range(20):
        status = subprocess.run(
            [str(BIN / "ray"), "status", f"--address=127.0.0.1:{port}"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "2.0 CPU" in status.stdout:
            return
    raise AssertionError(f"the cluster never had two nodes: {status.stdout}{status.stderr}")
