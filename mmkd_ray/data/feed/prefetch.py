"""One thing made while the one before is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Made = TypeVar("Made")


def prefetched(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[Made]:
    """`make` of each item, in their order, one ahead in a thread: torch lets go of the interpreter while it computes.

    A thread and not processes, as a `DataLoader` has them: the images are in this process's memory.
    """
    # torch's number of threads is each thread's own.
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)) as pool:
        ahead = None
        for item in items:
            behind, ahead = ahead, pool.submit(make, item)
            if behind is not None:
                yield behind.result()
        if ahead is not None:
            yield ahead.result()
