"""Claims of cores by real processes of this machine."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CLAIM = """
import sys
from mmkd_ray.cluster.cores import claim_cores
print(*sorted(claim_cores(int(sys.argv[1]))), flush=True)
sys.stdin.read()
"""
"""Claims cores, prints them, and holds them until its standard input is closed."""

CORES = sorted(os.sched_getaffinity(0))
two_cores = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")


class Claims:
    """Processes that hold cores, in a folder of locks that no engine on this machine uses."""

    def __init__(self, folder: Path) -> None:
        self._environment = {**os.environ, "TMPDIR": str(folder)}
        self.processes: list[subprocess.Popen[str]] = []

    def claim(self, count: int) -> set[int]:
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        self.processes.append(process)
        assert process.stdout is not None
        return {int(core) for core in process.stdout.readline().split()}

    def end_all(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def claims(tmp_path: Path) -> Iterator[Claims]:
    claims = Claims(tmp_path)
    yield claims
    claims.end_all()


@two_cores
def test_two_processes_never_get_the_same_core(claims: Claims):
    held = [claims.claim(1) for _ in CORES]
    assert all(len(cores) == 1 for cores in held)
    assert sorted(core for cores in held for core in cores) == CORES


@two_cores
def test_a_core_is_free_again_when_its_process_is_killed(claims: Claims):
    held = [claims.claim(1) for _ in CORES]
    claims.processes[0].send_signal(signal.SIGKILL)
    claims.processes[0].wait()
    assert claims.claim(1) == held[0]


@two_cores
def test_a_claim_waits_for_a_core_whose_process_is_about_to_end(claims: Claims):
    """A new engine can start before the old one has ended; on all cores it would stay slow until the end of the run."""
    held = [claims.claim(1) for _ in CORES]
    end = threading.Timer(0.7, claims.processes[0].kill)
    end.start()
    assert claims.claim(1) == held[0]
    end.join()


def test_all_cores_are_shared_when_none_is_free(claims: Claims):
    assert claims.claim(len(CORES)) == set(CORES)
    assert claims.claim(1) == set(CORES)


@two_cores
def test_a_claim_that_cannot_be_met_releases_all_cores(claims: Claims):
    first = claims.claim(1)
    assert claims.claim(len(CORES)) == set(CORES)
    rest = [claims.claim(1) for _ in CORES[1:]]
    assert sorted(core for cores in [first, *rest] for core in cores) == CORES


def test_only_cores_that_the_process_may_run_on_are_claimed(claims: Claims):
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORES[-1]})
    try:
        assert claims.claim(1) == {CORES[-1]}
    finally:
        os.sched_setaffinity(0, everywhere)


def test_a_process_started_by_the_holder_does_not_keep_the_core(claims: Claims, tmp_path: Path):
    """Child processes of a killed engine run for a while longer; its core must be free at once."""
    child = tmp_path / "child"
    script = f"""
import subprocess, sys
from pathlib import Path
from mmkd_ray.cluster.cores import claim_cores
core = claim_cores({len(CORES)})
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
Path({str(child)!r}).write_text(str(child.pid))
sys.stdin.read()
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    claims.processes.append(holder)
    while not child.is_file() or not child.read_text():
        assert holder.poll() is None
        time.sleep(0.02)
    try:
        holder.kill()
        holder.wait()
        assert claims.claim(1) == {CORES[0]}
    finally:
        os.kill(int(child.read_text()), signal.SIGKILL)


RELEASE = """
import sys
from mmkd_ray.cluster.cores import claim_cores, release_cores
claim_cores(int(sys.argv[1]))
release_cores()
print(flush=True)
sys.stdin.read()
"""


def test_what_a_process_releases_another_may_claim(claims: Claims, tmp_path: Path):
    holder = subprocess.Popen(
        [sys.executable, "-c", RELEASE, str(len(CORES))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    claims.processes.append(holder)
    assert holder.stdout is not None
    holder.stdout.readline()
    assert claims.claim(len(CORES)) == set(CORES)
