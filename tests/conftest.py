"""Settings and fixtures of all tests: no telemetry, no network, the repository's path, an empty run."""

import os
from pathlib import Path

from mmkd_ray.cluster.environment import prepare_process

prepare_process(offline=True)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from mmkd_ray.artifacts import open_run  # noqa: E402

os.environ.pop("RAY_ADDRESS", None)
# A unit test measures no speed: on a busy machine, hypothesis' default deadline of 200 ms fails at random.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """An empty run on a local disk."""
    return open_run(str(tmp_path / "runs"), "test")


@pytest.fixture
def no_cluster(monkeypatch):
    """Whatever starts or uses a Ray cluster fails; of one that another test of this process has open nobody knows."""
    import ray

    def refuse(*_args, **_options):
        raise AssertionError("a Ray cluster was used")

    for name in ("init", "get", "put"):
        monkeypatch.setattr(ray, name, refuse)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
