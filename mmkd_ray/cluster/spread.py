"""Pieces of work that write what they make themselves, spread over the cluster as Ray tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

import ray

from mmkd_ray.cluster.connection import capacity
from mmkd_ray.errors import MmkdError

Piece = TypeVar("Piece")

_AHEAD = 2
"""Tasks for each CPU that wait or run: a worker that is done has the next at once, and no more are in memory."""


def spread_over_cluster(
    do: Callable[[Piece], int], pieces: Iterable[Piece], tick: Callable[[int], None], *, retries: int
) -> None:
    """Do every piece in a process of one CPU, somewhere; what dies is done again elsewhere.

    Args:
        do: sent to every node once; gives how much was done.
        pieces: each is sent to the node that does it.
        tick: called with what each piece gave, as it ends.
        retries: of a piece whose process or node has died.

    Raises:
        MmkdError: raised by a piece: no further one is begun.
    """
    task = ray.remote(num_cpus=1, max_retries=retries)(_call)
    shared, waiting = ray.put(do), iter(pieces)
    ahead = max(_AHEAD, int(_AHEAD * capacity()[0]))
    running = {task.remote(shared, piece) for piece in islice(waiting, ahead)}
    try:
        while running:
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            running.remove(done)
            tick(ray.get(done))
            running |= {task.remote(shared, piece) for piece in islice(waiting, 1)}
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MmkdError):
            raise error.cause from None
        raise
    finally:
        for left in running:
            ray.cancel(left, force=True)


def _call(do: Any, piece: Any) -> Any:
    return do(piece)
