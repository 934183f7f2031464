"""Which images a worker sees in an epoch, and how: a pure function of seed and epoch, for any number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.mixing import Mix, draw_mix
from mmkd_ray.data.views import Views, draw_views
from mmkd_ray.errors import DataError


@dataclass(frozen=True)
class Batch:
    """A worker's share of one global batch: rows of the training set, and their views."""

    rows_B: Int64[Tensor, " B"]
    """If images are mixed, one more: first stands what the first image is mixed with."""
    views: Views
    """Of these rows."""
    weight: float = 1.0
    """Factor of this share's mean loss, so that the mean over workers, which DDP takes, is the mean over the global
    batch: its rows as a multiple of an even share, so 1 where all shares are even."""
    mix: Mix | None = None


def steps_per_epoch(images: int, config: TrainConfig) -> int:
    """Global batches per epoch: full ones only; each epoch leaves out other images."""
    return max(images // config.batch_size, 1)


def epoch_batches(
    images: int,
    config: TrainConfig,
    *,
    seed: int,
    epoch: int,
    rank: int = 0,
    workers: int = 1,
    start: int = 0,
    ratios_N: Float[Tensor, " N"] | None = None,
) -> Iterator[Batch]:
    """The batches of one epoch for worker `rank` of `workers`.

    Order and views are drawn for the whole global batch and then cut into shares that differ by one row at most, so
    that one worker or many train on the same rows.

    Args:
        images: N, size of the training set.
        config: batch size and augmentation.
        seed: of the training.
        epoch: from 0.
        rank: of this worker.
        workers: their number.
        start: the step to begin with, where an epoch is continued; what comes before it is drawn and left out.
        ratios_N: width over height of each image; all are squares if unset.

    Raises:
        DataError: there are fewer images than workers.
    """
    if images < workers:
        raise DataError(
            f"{images} training images cannot be shared by {workers} workers: set cluster.train_workers to at most "
            f"{images}"
        )
    generator = torch.Generator().manual_seed(_number(seed, epoch))
    order_N = torch.randperm(images, generator=generator)
    for step in range(steps_per_epoch(images, config)):
        rows = order_N[step * config.batch_size : (step + 1) * config.batch_size]
        views = draw_views(
            len(rows),
            crop_scale=config.crop_scale,
            flip=config.flip,
            brightness=config.brightness,
            crop="redraw" if config.views == "torchvision" else config.crop,
            seeds=config.augments,
            ratios_B=None if ratios_N is None else ratios_N[rows],
            generator=generator,
        )
        if step < start:
            continue
        first, end = rank * len(rows) // workers, (rank + 1) * len(rows) // workers
        mine, mix = torch.arange(first, end), draw_mix(config, seed, epoch, step)
        if mix is not None:
            mine = torch.cat([(mine[:1] - 1) % len(rows), mine])
        yield Batch(rows[mine], views[mine], (end - first) * workers / len(rows), mix)


def _number(seed: int, epoch: int) -> int:
    """One number for a seed and an epoch, different for all small pairs."""
    return (seed * 1_000_003 + epoch) % 2**63
