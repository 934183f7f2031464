"""`ray job submit` against a cluster of two nodes, as the README has it."""

import json
import subprocess
import time

import pytest

from tests.processes import BIN, free_port, marked

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head and a second node of one CPU each, on ports of their own; they end with the module."""
    # Sockets below: their paths must be short.
    temporary = tmp_path_factory.mktemp("ray")
    port, dashboard = free_port(), free_port()
    with marked() as processes:
        environment = processes.environment()
        head = [
            "start", "--head", "--block", f"--port={port}", f"--dashboard-port={dashboard}", "--num-cpus=1",
            f"--ray-client-server-port={free_port()}", f"--temp-dir={temporary}", "--disable-usage-stats",
        ]  # fmt: skip
        second = ["start", "--block", f"--address=127.0.0.1:{port}", "--num-cpus=1"]
        with (temporary / "nodes.log").open("wb") as log:
            for arguments in (head, second):
                node = subprocess.Popen([str(BIN / "ray"), *arguments], env=environment, stdout=log, stderr=log)
                _wait_for_cpus(port, environment, 1 if arguments is head else 2, node)
            yield f"http://127.0.0.1:{dashboard}", environment
        processes.end()
        assert processes.wait_until_gone() == []


def _wait_for_cpus(port, environment, count, node):
    for _ in range(60):
        assert node.poll() is None, "`ray start` has ended"
        status = subprocess.run(
            [str(BIN / "ray"), "status", f"--address=127.0.0.1:{port}"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if f"{count}.0 CPU" in status.stdout:
            return
        time.sleep(1)
    raise AssertionError(f"the cluster never had {count} nodes: {status.stdout}{status.stderr}")


def test_the_whole_run_as_a_job(cluster, repository, tmp_path):
    dashboard, environment = cluster
    submitted = subprocess.run(
        [
            str(BIN / "ray"), "job", "submit", "--address", dashboard, "--working-dir", ".", "--",
            "python", "jobs/run.py", "configs/quickstart.yaml", f"storage.path={tmp_path}",
            "data.train_per_class=4", "data.val_per_class=1", "data.test_per_class=4", "data.shift_per_class=2",
            "aspects.count=6", "train.epochs=4", "train.batch_size=32", "study.seeds=[0]",
            # One student at a time, trained by DDP on both nodes.
            "cluster.train_workers=2", "cluster.lanes=1",
        ],
        cwd=repository, env=environment, capture_output=True, text=True, timeout=360, check=False,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stdout[-4000:] + submitted.stderr[-2000:]
    assert "2 nodes, 2 CPU" in submitted.stdout
    summary = json.loads((tmp_path / "quickstart" / "summary.json").read_text())
    assert summary["ledger"]["present"] == summary["ledger"]["expected"] == 24 * 5 * 6
    assert set(summary["arms"]) == {"ce", "makd"}
    assert (tmp_path / "quickstart" / "report.html").stat().st_size > 10_000
