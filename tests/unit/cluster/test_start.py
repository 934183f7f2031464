import socket
import time

import pytest

from mmkd_ray.cluster.start import check_cluster
from mmkd_ray.config import ClusterConfig
from mmkd_ray.errors import ClusterError


def test_a_port_that_is_not_rays_is_waited_for_as_long_as_configured():
    """It accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address, started = f"127.0.0.1:{listener.getsockname()[1]}", time.monotonic()
        with pytest.raises(ClusterError, match=r"is no Ray cluster .*no answer within 1 s.*usually HOST:6379"):
            check_cluster(ClusterConfig(address=address, connect_timeout_s=1))
    assert time.monotonic() - started < 10
