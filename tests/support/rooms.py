"""Rooms on a node, without asking Ray for them."""

from mmkd_ray.cluster.memory import Limit, Room


def room_of(size: int, *, processes: int = 1, object_store: int = 0) -> Room:
    return Room(processes, Limit(size, "this container's limit (cgroup)"), object_store, "by cluster.lanes")


BOUNDLESS = room_of(2**50)
