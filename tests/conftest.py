"""What all tests share: no telemetry, no network, the repository's place, small runs."""

import os
from pathlib import Path

from mmkd_ray.cluster.environment import prepare_process

prepare_process(offline=True)

import pytest  # noqa: E402

from mmkd_ray.artifacts import open_run  # noqa: E402

os.environ.pop("RAY_ADDRESS", None)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """An empty run on a local disk."""
    return open_run(str(tmp_path / "runs"), "test")
