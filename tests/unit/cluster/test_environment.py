import os
import signal
import subprocess
import sys

import psutil
import pytest

PARENT = """
import os, subprocess, sys
os.environ["RAY_RAYLET_PID"] = str(os.getpid())
worker = "from mmkd_ray.cluster.environment import prepare_worker; prepare_worker(); print(1, flush=True); "
child = subprocess.Popen([sys.executable, "-c", worker + "import time; time.sleep(60)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
input()
"""
"""In the place of a raylet, that starts a worker."""


def test_a_worker_ends_with_its_raylet():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as raylet:
        worker = psutil.Process(int(raylet.stdout.readline()))
        os.kill(raylet.pid, signal.SIGKILL)
    worker.wait(10)


def test_a_worker_whose_raylet_has_ended_already_does_not_begin():
    raylet = subprocess.Popen([sys.executable, "-c", ""])
    raylet.wait()
    command = "from mmkd_ray.cluster.environment import prepare_worker; prepare_worker(); print(1)"
    ended = subprocess.run(
        [sys.executable, "-c", command],
        env={**os.environ, "RAY_RAYLET_PID": str(raylet.pid)},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, b"")


@pytest.mark.parametrize("environment", [{}, {"PYTHONPATH": "."}])
def test_a_module_in_the_current_folder_hides_no_library(tmp_path, environment):
    for library in ("typer", "statistics"):
        (tmp_path / f"{library}.py").write_text("raise RuntimeError('the wrong module')")
    ended = subprocess.run(
        [sys.executable, "-m", "mmkd_ray", "--version"],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("mmkd_ray ")
