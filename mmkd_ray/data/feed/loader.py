"""Processes that see pictures: torch's DataLoader, told what to see instead of drawing it itself."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing import util

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmkd_ray.cluster.parent import end_with_parent
from mmkd_ray.cluster.session import LONGEST_SOCKET
from mmkd_ray.data.feed.look import Look, seen
from mmkd_ray.data.feed.order import Batch
from mmkd_ray.data.feed.pixels import Feed
from mmkd_ray.data.views import Views

_SOCKET = "/listener-01234567"
"""What Python appends to its folder."""
_Item = tuple[list[int], list[np.ndarray]]
"""Places of the pictures of a batch, and their views: plain, or torch would open a file for each tensor."""


class Loader:
    """As many processes as torch has threads here, kept from epoch to epoch; they end with this object, or with us."""

    def __init__(self, feed: Feed, look: Look) -> None:
        self._feed, self._order = feed, _Order()
        keep_sockets_short()
        context = multiprocessing.get_context(
            "forkserver"
        )  # a fork of this process would have its locks, but no threads
        context.set_forkserver_preload([__name__])
        self._loader = DataLoader(
            _Seen(feed, look),
            sampler=self._order,
            batch_size=None,
            num_workers=torch.get_num_threads(),
            multiprocessing_context=context,
            persistent_workers=True,
            worker_init_fn=_end_with_parent,
            generator=torch.Generator(),  # or it would draw from the one that dropout draws from
        )

    def __call__(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Tensor]]:
        """Each batch with its pictures as `seen` gives them, in order, some ahead."""
        underway: deque[Batch] = deque()
        self._order.items = self._noted(batches, underway)
        for seen_B3SS in self._loader:
            yield underway.popleft(), seen_B3SS

    def _noted(self, batches: Iterable[Batch], underway: deque[Batch]) -> Iterator[_Item]:
        for batch in batches:
            underway.append(batch)
            views = batch.views
            assert views.seeds_B is not None, "what follows crop and flip needs them"
            parts = (views.scale_B2, views.centre_B2, views.flipped_B, views.brightness_B, views.seeds_B)
            yield self._feed.places(batch.rows_B).tolist(), [part.numpy() for part in parts]


def keep_sockets_short() -> None:
    """Have the sockets of Python's processes in /tmp where TMPDIR is too long for them, as it may be on Slurm.

    Processes that are started later inherit it; there is no public setting.
    """
    if len(os.fsencode(util.get_temp_dir())) + len(_SOCKET) <= LONGEST_SOCKET:
        return
    folder = tempfile.mkdtemp(prefix="pymp-", dir="/tmp")
    multiprocessing.current_process()._config["tempdir"] = folder  # noqa: SLF001 # pyrefly: ignore[missing-attribute]
    util.Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=-100)


def _end_with_parent(_: int) -> None:
    end_with_parent()


class _Order:
    """DataLoader's sampler: the items of one epoch after those of another."""

    def __init__(self) -> None:
        self.items: Iterator[_Item] = iter(())

    def __iter__(self) -> Iterator[_Item]:
        return self.items


class _Seen(Dataset):
    """What the processes are given; an item of it is a batch."""

    def __init__(self, feed: Feed, look: Look) -> None:
        self._pictures, self._look = feed.pictures, look

    def __getitem__(self, index: _Item) -> Tensor:
        places, views = index
        return seen(self._pictures, self._look, places, Views(*map(torch.from_numpy, views)))
