"""The rival: a student's predictions for corrupted images, by a pool of processes over all cores.

Of mmkd_ray it takes the corruptions and the student alone, so that both do the same work; nothing is written.
"""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import torch
from jaxtyping import Float32

from mmkd_ray.data.corruptions import CORRUPTIONS, CorruptionName, corrupt, table_for
from mmkd_ray.students.bundle import load_bundle
from mmkd_ray.students.model import Student

_BATCH = 256
_held: list[tuple[np.ndarray, Student]] = []
"""Images uint8 [N, S, S, 3] and the student of this process."""


def predict_all(images: str, bundle: str, processes: int) -> float:
    """Corrupted images a second under all corruptions and severities, the start of the processes included.

    Args:
        images: a .npy file of uint8 [N, S, S, 3].
        bundle: folder of the student.
        processes: of the pool, with one thread each.
    """
    work = [(name, severity) for name in CORRUPTIONS for severity in range(1, 6)]
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(processes, begin, (images, bundle)) as pool:
        logits = pool.starmap(predict, work, chunksize=1)
    return sum(len(of_piece) for of_piece in logits) / (time.perf_counter() - started)


def begin(images: str, bundle: str) -> None:
    """Load what this process works with."""
    torch.set_num_threads(1)
    _held[:] = [(np.load(images), load_bundle(bundle).student)]


def predict(name: CorruptionName, severity: int) -> Float32[np.ndarray, "N C"]:
    """The student's class logits of all images under one corruption."""
    images_NSS3, student = _held[0]
    table, generator = table_for(images_NSS3.shape[1]), np.random.default_rng(severity)
    logits = []
    for start in range(0, len(images_NSS3), _BATCH):
        made_BSS3 = np.stack(
            [
                corrupt(image, name, severity, table=table, generator=generator)
                for image in images_NSS3[start : start + _BATCH]
            ]
        )
        with torch.inference_mode():
            class_logits_BC, _ = student(torch.from_numpy(made_BSS3).permute(0, 3, 1, 2).float() / 255)
        logits.append(class_logits_BC.numpy())
    return np.concatenate(logits)
