"""Connecting to Ray: to a named cluster, or to a private one that ends with this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from mmkd_ray.cluster.address import LOCAL, cluster_address
from mmkd_ray.cluster.environment import in_ray_job
from mmkd_ray.cluster.lost import ended_when_lost
from mmkd_ray.cluster.start import start
from mmkd_ray.config import ClusterConfig
from mmkd_ray.errors import ClusterError


@contextmanager
def connect(config: ClusterConfig) -> Iterator[str]:
    """Connect to the cluster of the configuration or of RAY_ADDRESS, or start a private one; disconnect at the end.

    A process that is connected already, as a notebook may be, stays so before, meanwhile and afterwards.

    Yields:
        A line that names the cluster, its size, and the folder of Ray's logs.

    Raises:
        ClusterError: the cluster does not answer, refuses the connection, does not start, or is lost.
    """
    address = cluster_address(config)
    if ray.is_initialized():
        yield _describe(ray.get_runtime_context().gcs_address)
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    context = start(config)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # ray.init sets a handler that ends the process silently
    try:
        if in_ray_job():
            _unpack_on_all_nodes()
        info = context.address_info
        with ended_when_lost(info, private=address == LOCAL):
            yield f"{_describe(address)}; its logs are in {info['session_dir']}/logs"
    finally:
        ray.shutdown()


class ClusterOnDemand:
    """The cluster of a command: attached by the first stage that needs it, and kept for those after it."""

    def __init__(self, config: ClusterConfig, announce: Callable[[str], None]) -> None:
        """Nothing is started yet.

        Args:
            config: which cluster.
            announce: told which one it is, when it is attached.
        """
        self._config, self._announce, self._stack = config, announce, ExitStack()
        self.attached = False

    def attach(self) -> None:
        """Connect, if that has not been done.

        Raises:
            ClusterError: as for `connect`.
        """
        if not self.attached:
            description = self._stack.enter_context(connect(self._config))
            self.attached = True
            self._announce(description)

    def detach(self) -> None:
        """Disconnect; a private cluster ends."""
        self.attached = False
        self._stack.close()

    def __enter__(self) -> ClusterOnDemand:
        """Give it, not attached."""
        return self

    def __exit__(self, *raised: Any) -> None:
        """Disconnect, whatever happened; of an error, the connection says whether the lost cluster is its cause."""
        self.attached = False
        self._stack.__exit__(*raised)


def capacity() -> tuple[float, float]:
    """CPUs and GPUs of the connected cluster."""
    resources = ray.cluster_resources()
    return resources.get("CPU", 0.0), resources.get("GPU", 0.0)


def check_fits(what: str, *, count: int, cpus: float, gpus: float) -> None:
    """Refuse what is too large for the cluster; Ray would wait for an autoscaler for ever.

    Args:
        what: name of the work, for the message.
        count: number of processes.
        cpus: of each process.
        gpus: of each process.

    Raises:
        ClusterError: the processes need more than the whole cluster has.
    """
    have_cpus, have_gpus = capacity()
    if count * cpus > have_cpus or count * gpus > have_gpus:
        raise ClusterError(
            f"{what} needs {count} x ({cpus:g} CPU, {gpus:g} GPU), but the cluster has {have_cpus:g} CPU and "
            f"{have_gpus:g} GPU; ask for less in the sections extract: and cluster:, or use a larger cluster"
        )


def how_many(*, cpus: float, gpus: float) -> int:
    """How many workers of this size fit on the cluster; at least 1."""
    have_cpus, have_gpus = capacity()
    fits = [have_cpus // cpus if cpus else float("inf"), have_gpus // gpus if gpus else float("inf")]
    return max(1, int(min(fits)))


def _unpack_on_all_nodes() -> None:
    """Let every node unpack the job's working_dir before anything is read from it.

    Two nodes on one machine unpack it into the same folder, and the later one first deletes the folder: a driver that
    reads the shipped teacher at that moment does not find it.
    """
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    if len(nodes) == 1:
        return
    # A lambda is sent by value: a function of this module would be imported from the folder that may be missing.
    do_nothing = ray.remote(num_cpus=0)(lambda: None)
    tasks = [do_nothing.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True)) for node in nodes]
    ray.get([task.remote() for task in tasks])


def _describe(address: str) -> str:
    cpus, gpus = capacity()
    kind = "private Ray cluster" if address == LOCAL else f"Ray cluster at {address}"
    nodes = sum(1 for node in ray.nodes() if node["Alive"])
    return f"{kind}: {nodes} node{'s' if nodes > 1 else ''}, {cpus:g} CPU, {gpus:g} GPU"
