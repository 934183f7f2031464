"""Where the engines of a pool run: CPUs, GPUs, shares of a GPU, and placement groups of several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import ray
import ray.data
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from mmkd_ray.cluster.connection import check_fits
from mmkd_ray.config import ExtractConfig, OpenAiTeacher, Teacher
from mmkd_ray.errors import ClusterError
from mmkd_ray.extract.fit import engines_that_fit

TASKS = 2
"""Ray Data's tasks in an actor at a time: while one asks, the next one's images are fetched.

Only one of them asks at a time (Ray Data's `enable_true_multi_threading` is off): batches do not mix in the engine, so
an image's answers do not depend on which batch happens to run beside its own.
"""


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
    actors = _count(teacher, extract, batches)
    options: dict[str, Any] = {
        "compute": ray.data.ActorPoolStrategy(
            size=actors, max_tasks_in_flight_per_actor=TASKS, max_concurrent_calls_per_actor=TASKS
        ),
    }
    if extract.tensor_parallel_size == 1:
        kind = {"accelerator_type": extract.accelerator_type} if extract.accelerator_type else {}
        yield {**options, **kind, "num_cpus": cpus, "num_gpus": gpus}
        return
    groups = [placement_group(_bundles(extract), strategy=extract.placement) for _ in range(actors)]
    # In turn, since Ray Data calls this once for each actor and now and then to read other arguments. An actor that is
    # started again after its death keeps its group.
    turns = cycle(groups)
    try:
        # Ray 2.60 warns that `ray_remote_args_fn` will go, and has no other way to give each actor of a pool a group of
        # its own (its `ray.data.llm` does it so, too).
        # The actor itself holds no GPU: vLLM starts a worker for each in the rest of its group.
        yield {**options, "num_cpus": cpus, "num_gpus": 0, "ray_remote_args_fn": lambda: _inside(next(turns))}
    finally:
        for group in groups:
            remove_placement_group(group)


def _inside(group: PlacementGroup) -> dict[str, Any]:
    return {
        "scheduling_strategy": PlacementGroupSchedulingStrategy(group, placement_group_capture_child_tasks=True),
    }


def _count(teacher: Teacher, extract: ExtractConfig, batches: int) -> int:
    """Engines to start: what Ray cannot place, it would wait for silently."""
    room = engines_that_fit(extract, [node["Resources"] for node in ray.nodes() if node["Alive"]])
    # An endpoint has its own limits, and more clients do not make it faster.
    most = 1 if isinstance(teacher, OpenAiTeacher) else max(room, 1)
    actors = extract.actors or min(most, max(batches, 1))
    check_fits("extraction", count=actors, cpus=extract.cpus_per_actor, gpus=extract.gpus_per_actor)
    if actors > room:
        raise ClusterError(
            f"extraction needs {actors} x ({extract.cpus_per_actor} CPU, {extract.gpus_per_actor:g} GPU), each "
            f"{_where(extract)}, but the nodes of the cluster have room for {room}; ask for less in the section "
            "extract:"
        )
    return actors


def _where(extract: ExtractConfig) -> str:
    kind = f" of kind {extract.accelerator_type}" if extract.accelerator_type else ""
    if extract.tensor_parallel_size > 1 and extract.placement == "PACK":
        return f"on GPUs{kind} of any nodes"
    return f"on one node{kind}"


def _bundles(extract: ExtractConfig) -> list[dict[str, float]]:
    """One bundle a GPU; the actor's CPUs are in the first."""
    gpu: dict[str, float] = {"GPU": 1.0}
    if extract.accelerator_type:
        gpu[f"accelerator_type:{extract.accelerator_type}"] = 0.001
    return [
        {**gpu, "CPU": float(extract.cpus_per_actor)},
        *[dict(gpu) for _ in range(extract.tensor_parallel_size - 1)],
    ]
