import socket

import pytest

from mmkd_ray.cluster.address import check_reachable, cluster_address, is_named
from mmkd_ray.config import ClusterConfig
from mmkd_ray.errors import ClusterError
from tests.support.processes import free_port


def test_the_configuration_goes_before_the_environment(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert not is_named(ClusterConfig())
    monkeypatch.setenv("RAY_ADDRESS", "a:1")
    assert cluster_address(ClusterConfig()) == "a:1"
    assert cluster_address(ClusterConfig(address="b:2")) == "b:2"
    assert is_named(ClusterConfig())


def test_something_must_listen_at_an_address():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for scheme in ("", "ray://"):
            check_reachable(ClusterConfig(address=f"{scheme}127.0.0.1:{listener.getsockname()[1]}"))
    with pytest.raises(ClusterError, match="start one with `ray start --head`, or unset"):
        check_reachable(ClusterConfig(address=f"127.0.0.1:{free_port()}"))


def test_an_address_of_ipv6_is_checked_too():
    """A run would wait for it; its brackets are no part of the host."""
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at '\[::1\]:"):
        check_reachable(ClusterConfig(address=f"[::1]:{free_port()}"))
    if socket.has_dualstack_ipv6():
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            check_reachable(ClusterConfig(address=f"[::1]:{listener.getsockname()[1]}"))


def test_the_address_of_a_dashboard_is_refused_with_the_right_one():
    with pytest.raises(
        ClusterError, match=r"the address of a dashboard.* accepted are HOST:PORT .* unset both"
    ) as raised:
        check_reachable(ClusterConfig(address="http://127.0.0.1:8265"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("address", ["FOO", "127.0.0.1", "127.0.0.1:", "host:port"])
def test_an_address_without_a_port_is_refused_with_what_is_accepted(address):
    with pytest.raises(ClusterError, match=f"'{address}' is no address of a Ray cluster; accepted are HOST:PORT"):
        check_reachable(ClusterConfig(address=address))


@pytest.mark.parametrize("address", ["auto", "local"])
def test_other_addresses_are_rays_to_judge(address):
    check_reachable(ClusterConfig(address=address))
