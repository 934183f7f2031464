"""What an export costs: its size, and the time that it takes on this machine."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch

from mmkd_ray.artifacts import Folder
from mmkd_ray.students.bundle import Bundle
from mmkd_ray.students.forms import FORMS

BATCHES = (1, 32)
_WARM_UP, _REPEATS = 3, 30
_ENOUGH_S = 2.0
"""No further repetition after this time, if there are three."""


@dataclass(frozen=True)
class Cost:
    """Of one bundle."""

    bytes: int
    """Of the file of weights."""
    seconds: dict[int, float]
    """Median time for a batch, by its size; from uint8 images to logits, without decoding."""


def measure_cost(bundle: Bundle, folder: Folder) -> Cost:
    """Measure a bundle on this machine, by as many threads as PyTorch takes.

    Args:
        bundle: what is measured.
        folder: where its files are.
    """
    return Cost(folder.sizes()[FORMS[bundle.card.form].weights], {batch: _median(bundle, batch) for batch in BATCHES})


def _median(bundle: Bundle, batch: int) -> float:
    side = bundle.card.image_size
    images_B3SS = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8)
    for _ in range(_WARM_UP):
        bundle.logits(images_B3SS)
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < _REPEATS and sum(taken) < _ENOUGH_S):
        start = time.perf_counter()
        bundle.logits(images_B3SS)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
