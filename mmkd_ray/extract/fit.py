"""How many engines fit on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmkd_ray.config import ExtractConfig
from mmkd_ray.errors import ClusterError

_KIND = "accelerator_type:"
"""Prefix of the resource by which Ray names a node's kind of GPU."""


def engines_that_fit(extract: ExtractConfig, nodes: Sequence[Mapping[str, float]]) -> int:
    """Engines of this size that fit on these nodes if nothing else runs there.

    Args:
        extract: size of an engine, and on what kind of GPU it runs.
        nodes: {resource: amount} of each node, with Ray's names.

    Raises:
        ClusterError: no node has this kind of GPU.
    """
    kind, cpus = extract.accelerator_type, extract.cpus_per_actor
    fitting = [node for node in nodes if not kind or f"{_KIND}{kind}" in node]
    if not fitting:
        raise ClusterError(
            f"extract.accelerator_type is '{kind}', but the cluster has {_kinds(nodes)}; "
            "name one of those, or unset it for any"
        )
    by_cpu = [int(node.get("CPU", 0) // cpus) for node in fitting]
    gpus = [int(node.get("GPU", 0)) for node in fitting]
    parts = extract.tensor_parallel_size
    if parts > 1 and extract.placement == "PACK":
        # The first part takes the CPUs too, the others go wherever a GPU is left.
        return min(sum(map(min, by_cpu, gpus)), sum(gpus) // parts)
    if not extract.gpus_per_actor:
        return sum(by_cpu)
    # A fraction must be on one GPU: on two GPUs, 0.4 fits four times, not five.
    by_gpu = [gpu // parts if parts > 1 else gpu * int(1 / extract.gpus_per_actor + 1e-6) for gpu in gpus]
    return sum(map(min, by_cpu, by_gpu))


def _kinds(nodes: Sequence[Mapping[str, float]]) -> str:
    kinds = sorted({name.removeprefix(_KIND) for node in nodes for name in node if name.startswith(_KIND)})
    return ", ".join(f"'{kind}'" for kind in kinds) or "no GPU of a known kind"
