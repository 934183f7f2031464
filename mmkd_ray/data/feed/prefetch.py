"""Prepare the next item while the current one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Made = TypeVar("Made")


def prefetched(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[Made]:
    """Yield `make(item)` for each item, in order, one ahead in a thread: torch releases the GIL while it computes.

    A thread, not processes as in a `DataLoader`, because the images are in this process's memory.
    """
    # torch's number of threads is a setting of each thread.
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)) as pool:
        ahead = None
        for item in items:
            behind, ahead = ahead, pool.submit(make, item)
            if behind is not None:
                yield behind.result()
        if ahead is not None:
            yield ahead.result()
