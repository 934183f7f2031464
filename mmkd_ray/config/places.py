"""Where and how fast a run goes: nothing in here changes a number."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mmkd_ray.config.base import Fraction, Section


class ExtractConfig(Section):
    """Where the teacher runs, and which failures are tolerated. None of it changes an answer."""

    actors: PositiveInt | None = None
    """Engines in the pool; as many as the cluster holds if unset."""
    cpus_per_actor: PositiveInt = 1
    """Cores of an engine; one that runs without a GPU is bound to so many."""
    gpus_per_actor: NonNegativeFloat = 0
    """GPUs of an engine: 0, a fraction of one (several engines share it), or 1 for each of `tensor_parallel_size`."""
    accelerator_type: str | None = None
    """Kind of GPU to run on, in Ray's words (`A100`, `H100`, `L4`); any if unset, mixed clusters included."""
    tensor_parallel_size: PositiveInt = 1
    """GPUs that one copy of the teacher is spread over, by a Ray placement group."""
    placement: Literal["STRICT_PACK", "PACK"] = "STRICT_PACK"
    """Whether the GPUs of one copy must be on one node (`STRICT_PACK`) or may be on several (`PACK`)."""
    batch_size: PositiveInt = 32
    """Images of a batch: what an engine is handed at a time, writes to one file, and may lose when it is killed."""
    kv_cache_gib: PositiveFloat = 0.5
    """Memory of the key-value cache of an engine that runs without a GPU, in GiB."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of a GPU's memory that an engine takes; if unset, 0.9 of its share of the GPU."""
    engine_args: dict[str, Any] = {}
    """Passed to `vllm.LLM` where it decides speed alone, e.g. `{max_num_seqs: 512}`."""
    max_bad_fraction: Fraction = 0.05
    """Share of images that cannot be read or asked above which the run fails."""
    preflight_images: PositiveInt = 4
    """Images that every engine asks about first, to see whether the teacher answers the questions at all."""
    min_answer_mass: Fraction = 0.5
    """Least mean of P(yes) + P(no) of a question; below it, the teacher is not answering and the run is refused."""

    @model_validator(mode="after")
    def _gpus_are_possible(self) -> Self:
        if self.tensor_parallel_size > 1 and self.gpus_per_actor not in (0, self.tensor_parallel_size):
            raise ValueError(
                f"gpus_per_actor is {self.gpus_per_actor:g}, but an engine of tensor_parallel_size "
                f"{self.tensor_parallel_size} takes exactly so many GPUs: set both to the same number"
            )
        if self.tensor_parallel_size > 1 and not self.gpus_per_actor:
            raise ValueError("tensor_parallel_size above 1 needs GPUs: set extract.gpus_per_actor to the same number")
        if self.gpus_per_actor > 1 and self.gpus_per_actor != self.tensor_parallel_size:
            raise ValueError(
                f"gpus_per_actor is {self.gpus_per_actor:g}, but tensor_parallel_size is {self.tensor_parallel_size}: "
                "an engine would leave GPUs idle; set both to the same number"
            )
        if 0 < self.gpus_per_actor < (self.gpu_memory_utilization or 0):
            raise ValueError(
                f"gpu_memory_utilization is {self.gpu_memory_utilization:g}, more than the engine's share of the GPU "
                f"(gpus_per_actor {self.gpus_per_actor:g}): engines on one GPU would run out of memory"
            )
        return self


class ClusterConfig(Section):
    """Which Ray cluster, and how students are spread over it."""

    address: str | None = None
    """`host:port` or `auto`; if unset, the environment's RAY_ADDRESS, or else a private cluster on this machine."""
    connect_timeout_s: PositiveFloat = 30
    lanes: PositiveInt | None = None
    """Students trained at a time; as many as the cluster holds if unset."""
    train_workers: PositiveInt | tuple[PositiveInt, PositiveInt] = 1
    """Data-parallel (DDP) workers of one student; [least, most] for as many as the cluster has at the time."""
    cpus_per_train_worker: PositiveInt = 1
    gpus_per_train_worker: Annotated[float, Field(ge=0, le=1)] = 0
    max_failures: Annotated[int, Field(ge=-1)] = 3
    """Times that training restarts from its last checkpoint after a lost worker; -1: without limit."""

    @property
    def least_train_workers(self) -> int:
        """Workers without which a student is not trained."""
        return self.train_workers if isinstance(self.train_workers, int) else self.train_workers[0]

    @property
    def most_train_workers(self) -> int:
        """Workers of a student at most."""
        return self.train_workers if isinstance(self.train_workers, int) else self.train_workers[1]

    @model_validator(mode="after")
    def _workers_are_a_range(self) -> Self:
        if self.least_train_workers > self.most_train_workers:
            raise ValueError(
                f"train_workers must be a number or [least, most] with least <= most, got {self.train_workers}"
            )
        return self


class StorageConfig(Section):
    """Where artifacts go."""

    path: str = "runs"
    """Folder or URI (s3://, gs://) that every node can reach; a run writes to `path/name`."""
