"""All checks, side by side: some of them wait for an answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from mmkd_ray.cluster.address import is_named
from mmkd_ray.config import ClusterConfig
from mmkd_ray.doctor.finding import Finding
from mmkd_ray.doctor.machine import check_gpus, check_memory, check_shared_memory, check_storage, check_temporary
from mmkd_ray.doctor.network import check_hub, check_ray
from mmkd_ray.doctor.packages import check_packages, check_python, check_vllm


def examine(cluster: ClusterConfig, storage: str, *, needs_hub: bool = False) -> list[Finding]:
    """Look at the machine.

    Args:
        cluster: which cluster a run would use.
        storage: where runs go, a local path or a URI.
        needs_hub: whether a model comes from the hub.

    Returns:
        A finding of each check, in a fixed order.
    """
    checks: list[Callable[[], Finding]] = [
        check_python,
        check_packages,
        check_vllm,
        check_gpus,
        partial(check_ray, cluster),
        check_memory,
        check_shared_memory,
        partial(check_storage, storage),
        partial(check_temporary, private_cluster=not is_named(cluster)),
        partial(check_hub, needed=needs_hub),
    ]
    with ThreadPoolExecutor(len(checks)) as pool:
        return list(pool.map(lambda check: check(), checks))
