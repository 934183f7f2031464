"""The room that a worker's node has for it and for those beside it."""

from __future__ import annotations

import math

import ray

from mmkd_ray.cluster.memory import Room, memory_limit


def room_here(total: int, *, cpus: float, gpus: float, fewer: str) -> Room:
    """What the node of this worker has for workers of its kind.

    Args:
        total: of them, on the whole cluster.
        cpus: cores of each.
        gpus: GPUs of each.
        fewer: how to have fewer of them side by side, for people.
    """
    here = ray.get_runtime_context().get_node_id()
    has = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == here)
    fit = min(has.get("CPU", 0) // cpus if cpus else math.inf, has.get("GPU", 0) // gpus if gpus else math.inf)
    return Room(
        processes=max(1, int(min(total, fit))),
        limit=memory_limit(),
        object_store=int(has.get("object_store_memory", 0)),
        fewer=fewer,
    )
