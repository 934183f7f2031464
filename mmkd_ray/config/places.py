"""Where a run executes, and how fast: no setting here changes a result."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mmkd_ray.config.base import Fraction, Place, Section


class ExtractConfig(Section):
    """Where the teacher runs, and which failures are tolerated. No setting here changes an answer."""

    actors: PositiveInt | None = None
    """Number of engines, each in a Ray actor; unset: as many as fit on the cluster."""
    cpus_per_actor: PositiveInt = 1
    """CPU cores of an engine; an engine without a GPU is bound to this many cores."""
    gpus_per_actor: NonNegativeFloat = 0
    """GPUs of an engine: 0, a fraction of one (several engines share it), or the number in `tensor_parallel_size`."""
    accelerator_type: str | None = None
    """Kind of GPU to run on, by Ray's name (`A100`, `H100`, `L4`); unset: any, also several kinds in one cluster."""
    tensor_parallel_size: PositiveInt = 1
    """GPUs that one copy of the teacher is split over, in a Ray placement group."""
    placement: Literal["STRICT_PACK", "PACK"] = "STRICT_PACK"
    """Whether the GPUs of one copy must be on one node (`STRICT_PACK`) or may be on several (`PACK`)."""
    batch_size: PositiveInt = 32
    """Images per batch. A batch goes to one engine and into one file, and is asked again if the engine is killed."""
    kv_cache_gib: PositiveFloat = 0.5
    """Size of the key-value cache in GiB, for an engine that runs without a GPU."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of a GPU's memory that an engine uses; unset: 0.9 times its share of the GPU."""
    engine_args: dict[str, Any] = {}
    """Passed to `vllm.LLM`; only for options that change the speed and no answer, e.g. `{max_num_seqs: 512}`."""
    max_bad_fraction: Fraction = 0.05
    """The run fails if more than this share of the images cannot be read or asked about."""
    preflight_images: PositiveInt = 4
    """Images that every engine asks about first, to check that the teacher answers the questions at all."""
    min_answer_mass: Fraction = 0.5
    """Smallest accepted mean of P(yes) + P(no) of a question; below it, the run stops: the teacher does not answer."""

    @model_validator(mode="after")
    def _gpus_are_possible(self) -> Self:
        if self.tensor_parallel_size > 1 and self.gpus_per_actor not in (0, self.tensor_parallel_size):
            raise ValueError(
                f"extract.gpus_per_actor is {self.gpus_per_actor:g}, but an engine of tensor_parallel_size "
                f"{self.tensor_parallel_size} needs exactly that many GPUs: set both to the same number"
            )
        if self.tensor_parallel_size > 1 and not self.gpus_per_actor:
            raise ValueError(
                "extract.tensor_parallel_size above 1 needs GPUs: set extract.gpus_per_actor to the same number"
            )
        if self.gpus_per_actor > 1 and self.gpus_per_actor != self.tensor_parallel_size:
            raise ValueError(
                f"extract.gpus_per_actor is {self.gpus_per_actor:g}, but tensor_parallel_size is "
                f"{self.tensor_parallel_size}: an engine would leave GPUs idle; set both to the same number"
            )
        if 0 < self.gpus_per_actor < (self.gpu_memory_utilization or 0):
            raise ValueError(
                f"extract.gpu_memory_utilization is {self.gpu_memory_utilization:g}, more than the engine's share "
                f"of the GPU (gpus_per_actor {self.gpus_per_actor:g}): engines on one GPU would run out of memory"
            )
        return self


class ClusterConfig(Section):
    """Which Ray cluster is used, and how students are distributed over it."""

    address: str | None = None
    """`host:port` or `auto`; if unset, the environment's RAY_ADDRESS, or else a private cluster on this machine."""
    connect_timeout_s: PositiveFloat = 30
    lanes: PositiveInt | None = None
    """Students trained at the same time; unset: as many as fit on the cluster."""
    train_workers: PositiveInt | tuple[PositiveInt, PositiveInt] = 1
    """Data-parallel (DDP) workers per student; [least, most]: as many of these as the cluster has at the time."""
    cpus_per_train_worker: PositiveInt = 1
    gpus_per_train_worker: Annotated[float, Field(ge=0, le=1)] = 0
    max_failures: Annotated[int, Field(ge=-1)] = 3
    """Restarts of a training from its last checkpoint after a lost worker; -1: no limit."""
    feed: Literal["auto", "mapped", "encoded"] = "auto"
    """How a node holds training images; the numbers are the same. `mapped`: decoded once, in a file that its processes
    map into memory. `encoded`: as they are, decoded for each step. `auto`: mapped where the disk has room for it."""
    checkpoint_minutes: PositiveFloat = 10
    """A checkpoint is stored after each epoch, and within one when the last is so old."""

    @property
    def least_train_workers(self) -> int:
        """Smallest number of workers that a student is trained with."""
        return self.train_workers if isinstance(self.train_workers, int) else self.train_workers[0]

    @property
    def most_train_workers(self) -> int:
        """Largest number of workers of a student."""
        return self.train_workers if isinstance(self.train_workers, int) else self.train_workers[1]

    @model_validator(mode="after")
    def _workers_are_a_range(self) -> Self:
        if self.least_train_workers > self.most_train_workers:
            raise ValueError(
                f"cluster.train_workers must be a number or [least, most] with least <= most, got {self.train_workers}"
            )
        return self


class StorageConfig(Section):
    """Where artifacts go."""

    path: Place = "runs"
    """Folder or URI (s3://, gs://) that every node can reach; a run writes to `path/name`."""
