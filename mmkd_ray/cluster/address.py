"""Which Ray cluster is meant, and whether anything listens there; Ray itself is not imported."""

from __future__ import annotations

import os
import socket

from mmkd_ray.config import ClusterConfig
from mmkd_ray.errors import ClusterError

LOCAL = "local"
"""In place of an address: a private cluster."""


def cluster_address(config: ClusterConfig) -> str:
    """The address of the configuration or of RAY_ADDRESS, or `local`."""
    return config.address or os.environ.get("RAY_ADDRESS") or LOCAL


def is_named(config: ClusterConfig) -> bool:
    """Whether the configuration or RAY_ADDRESS names a cluster, so that none is started."""
    return cluster_address(config) != LOCAL


def check_reachable(config: ClusterConfig) -> None:
    """Check that a named cluster accepts connections: Ray itself would try for a minute and then end the process.

    Raises:
        ClusterError: nothing listens at its address, it has no port, or it is that of a dashboard.
    """
    address = cluster_address(config)
    if address.startswith(("http://", "https://")):
        raise ClusterError(
            f"'{address}' is the address of a dashboard, for `ray job submit`; accepted are HOST:PORT of a cluster's "
            "head, usually HOST:6379, and `auto` on its nodes: set cluster.address or RAY_ADDRESS, or unset both for a "
            "private cluster"
        )
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address in (LOCAL, "auto"):
        return
    if not host or not port.isdigit():
        raise ClusterError(
            f"'{address}' is no address of a Ray cluster; accepted are HOST:PORT of its head, usually HOST:6379, and "
            "`auto` on its nodes: set cluster.address or RAY_ADDRESS, or unset both for a private cluster"
        )
    try:
        # An IPv6 address stands in brackets: `[::1]:6379`.
        socket.create_connection((host.strip("[]"), int(port)), timeout=config.connect_timeout_s).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"no Ray cluster answers at '{address}' ({error}); start one with `ray start --head`, "
            "or unset cluster.address and RAY_ADDRESS for a private one"
        ) from error
