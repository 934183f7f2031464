"""Predictions by this process: as many batches at a time as it has cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import torch

from mmkd_ray.prediction.finding import Picture
from mmkd_ray.prediction.predictor import BATCH, PictureReader, Predictor

_AHEAD = 2
"""Batches for each thread that wait or are worked on; their files are in memory."""


def predict_here(predictor: Predictor, pictures: Sequence[Picture]) -> Iterator[pa.Table]:
    """The rows of pictures, in order, some at a time.

    A thread decodes a batch and predicts it by itself: decoders and PyTorch release the GIL, and threads that share one
    batch would wait for each other.
    """
    threads = len(os.sched_getaffinity(0))
    size = max(1, min(BATCH, -(-len(pictures) // threads)))
    read, pending = PictureReader(), deque[Future[pa.Table]]()
    # torch's number of threads is a setting of each thread.
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for start in range(0, len(pictures), size):
                batch = pictures[start : start + size]
                pending.append(pool.submit(predictor, batch, read(batch)))
                if len(pending) >= _AHEAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
