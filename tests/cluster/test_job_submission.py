"""`ray job submit` against a cluster of two nodes, as the README has it."""

import json
import shutil
import subprocess
import time

import pytest

from tests.support.clusters import two_nodes
from tests.support.processes import BIN

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster():
    with two_nodes() as started:
        yield started.dashboard, started.address, started.environment


def _submit(command, **options):
    """Submit; again while the cluster, just started, says that it is not ready for jobs yet."""
    for _ in range(15):
        submitted = subprocess.run(command, check=False, **options)
        if "No available agent to submit job, please try again later" not in submitted.stdout + submitted.stderr:
            return submitted
        time.sleep(2)
    return submitted


@pytest.fixture
def working_dir(repository, tmp_path):
    """What is submitted: the code, and a user's own modules with the names of libraries."""
    folder = tmp_path / "working_dir"
    for name in ("mmkd_ray", "jobs", "configs"):
        shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "statistics.py").write_text("raise RuntimeError('a module in the current folder was imported')")
    return folder


def test_the_whole_run_as_a_job(cluster, working_dir, tmp_path):
    dashboard, _, environment = cluster
    submitted = _submit(
        [
            str(BIN / "ray"), "job", "submit", "--address", dashboard, "--working-dir", ".", "--",
            "python", "jobs/run.py", "configs/quickstart.yaml", f"storage.path={tmp_path}",
            "data.train_per_class=4", "data.val_per_class=1", "data.test_per_class=4", "data.shift_per_class=2",
            "aspects.count=6", "train.epochs=4", "train.batch_size=32", "study.seeds=[0]",
            # One student at a time, trained by DDP on both nodes.
            "cluster.train_workers=2", "cluster.lanes=1",
        ],
        cwd=working_dir, env=environment, capture_output=True, text=True, timeout=360,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stdout[-4000:] + submitted.stderr[-2000:]
    assert "2 nodes, 2 CPU" in submitted.stdout
    summary = json.loads((tmp_path / "quickstart" / "summary.json").read_text())
    assert summary["ledger"]["present"] == summary["ledger"]["expected"] == 24 * 5 * 6
    assert set(summary["arms"]) == {"ce", "makd"}
    assert (tmp_path / "quickstart" / "report.html").stat().st_size > 10_000


CONNECT = """
from mmkd_ray.cluster.connection import connect
from mmkd_ray.config import ClusterConfig
with connect(ClusterConfig()) as description:
    print(description)
"""


def test_a_running_cluster_is_left_alone_unless_it_is_named(cluster):
    _, address, environment = cluster

    def connected(**extra):
        return subprocess.run(
            [str(BIN / "python"), "-c", CONNECT],
            env={**environment, **extra},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert connected().startswith("private Ray cluster: 1 node, ")
    assert connected(RAY_ADDRESS=address).startswith(f"Ray cluster at {address}: 2 nodes, 2 CPU")


def test_a_cluster_that_asks_for_a_token_says_so(cluster):
    _, address, environment = cluster
    without = {key: value for key, value in environment.items() if key != "RAY_AUTH_MODE"}
    refused = subprocess.run(
        [str(BIN / "python"), "-c", CONNECT],
        env={**without, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "asks for a token, and the one given here is missing or wrong: set RAY_AUTH_MODE=token" in refused.stderr
