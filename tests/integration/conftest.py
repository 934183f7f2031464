import pytest

from mmkd_ray.cluster.connection import connect
from mmkd_ray.config import ClusterConfig


@pytest.fixture(scope="session")
def ray_cluster():
    """One private Ray cluster for all tests of this process."""
    with connect(ClusterConfig()) as description:
        yield description
