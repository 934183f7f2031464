"""What all tests share: no telemetry, no network, the repository's place, small runs."""

import os
from pathlib import Path

from mmkd_ray.cluster.environment import prepare_process

prepare_process(offline=True)

import pytest  # noqa: E402

from mmkd_ray.artifacts import open_run  # noqa: E402

os.environ.pop("RAY_ADDRESS", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs in one process of pytest-xdist: a file, whose tests share fixtures, and all that need one long run."""
    for item in items:
        file = f"{item.path.parent.name}/{item.path.name}"
        shares_run = "unbroken_run" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("unbroken_run" if shares_run else file))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """An empty run on a local disk."""
    return open_run(str(tmp_path / "runs"), "test")
