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
        ClusterError: nothing listens at its address.
    """
    address = cluster_address(config)
    host, _, port = address.removeprefix("ray://").partition(":")
    if address in (LOCAL, "auto") or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=config.connect_timeout_s).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at '{address}' ({error}); start one with `ray start --head`, "
            "or unset cluster.address and RAY_ADDRESS for a private one"
        ) from error
