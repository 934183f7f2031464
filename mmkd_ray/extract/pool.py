"""Where the engines of a pool run: CPUs, GPUs, shares of a GPU, and placement groups of several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import ray.data
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.config import ExtractConfig, OpenAiTeacher, Teacher

THREADS = 2
"""Batches in an actor at a time: while the engine works on one, the next is decoded and handed in."""


@contextmanager
def pool(teacher: Teacher, extract: ExtractConfig, batches: int) -> Iterator[dict[str, Any]]:
    """Arguments of `Dataset.map_batches` for a pool of engines; its placement groups end with the block.

    Args:
        teacher: who is asked.
        extract: size and place of an engine.
        batches: there are never more engines than batches.

    Raises:
        ClusterError: the cluster cannot hold the engines asked for.
    """
    cpus, gpus = extract.cpus_per_actor, extract.gpus_per_actor
    # An endpoint has its own limits, and more clients do not make it faster.
    most = 1 if isinstance(teacher, OpenAiTeacher) else how_many(cpus=cpus, gpus=gpus)
    actors = extract.actors or min(most, max(batches, 1))
    check_fits("extraction", count=actors, cpus=cpus, gpus=gpus)
    options: dict[str, Any] = {
        "compute": ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=THREADS),
        "max_concurrency": THREADS,
    }
    if extract.tensor_parallel_size == 1:
        kind = {"accelerator_type": extract.accelerator_type} if extract.accelerator_type else {}
        yield {**options, **kind, "num_cpus": cpus, "num_gpus": gpus}
        return
    groups: list[PlacementGroup] = []

    def in_a_group_of_its_own() -> dict[str, Any]:
        groups.append(placement_group(_bundles(extract), strategy=extract.placement))
        return {
            "scheduling_strategy": PlacementGroupSchedulingStrategy(
                groups[-1], placement_group_capture_child_tasks=True
            )
        }

    try:
        # The actor itself holds no GPU: vLLM starts a worker for each in the rest of its group.
        yield {**options, "num_cpus": cpus, "num_gpus": 0, "ray_remote_args_fn": in_a_group_of_its_own}
    finally:
        for group in groups:
            remove_placement_group(group)


def _bundles(extract: ExtractConfig) -> list[dict[str, float]]:
    """One bundle a GPU; the actor's CPUs are in the first."""
    gpu: dict[str, float] = {"GPU": 1.0}
    if extract.accelerator_type:
        gpu[f"accelerator_type:{extract.accelerator_type}"] = 0.001
    return [
        {**gpu, "CPU": float(extract.cpus_per_actor)},
        *[dict(gpu) for _ in range(extract.tensor_parallel_size - 1)],
    ]
