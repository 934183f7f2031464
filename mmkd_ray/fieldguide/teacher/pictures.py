"""Draw many random birds, with the true answers and the patches that show them."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmkd_ray.fieldguide.canvas import IMAGE_SIZE
from mmkd_ray.fieldguide.questions import QUESTIONS
from mmkd_ray.fieldguide.render import render, render_with_parts
from mmkd_ray.fieldguide.teacher.progress import Progress
from mmkd_ray.fieldguide.traits import random_picture

PATCH_SIZE: Final = 8
PATCHES_PER_SIDE: Final = IMAGE_SIZE // PATCH_SIZE
PATCH_COUNT: Final = PATCHES_PER_SIDE**2
MIN_PART_PIXELS: Final = 2
"""A patch shows a part if this many of its 64 pixels do."""

_CHUNK: Final = 500
_QUESTION_INDEX: Final = {question.id: number for number, question in enumerate(QUESTIONS)}
_PATCH_OF_PIXEL_HW: Final = (
    np.arange(IMAGE_SIZE)[:, None] // PATCH_SIZE * PATCHES_PER_SIDE + np.arange(IMAGE_SIZE)[None, :] // PATCH_SIZE
)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Rendered pictures: N pictures, Q questions, P patches.

    `parts_NPQ` (bits packed along the last axis; None if not requested) marks the patches that show why an answer is
    Yes.
    """

    images_NHWC: NDArray[np.uint8]
    answers_NQ: NDArray[np.bool_]
    parts_NPQ: NDArray[np.uint8] | None


def draw_pictures(stream: int, count: int, *, seed: int, with_parts: bool, processes: int = 2) -> Pictures:
    """Draw random birds. Picture k of a stream is the same whatever the count or the number of processes."""
    jobs = [(seed, stream, start, min(start + _CHUNK, count), with_parts) for start in range(0, count, _CHUNK)]
    progress = Progress("draw", count)
    chunks: list[Pictures] = []
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for chunk in pool.map(_draw_chunk, jobs):
            chunks.append(chunk)
            progress.update(min(len(chunks) * _CHUNK, count))
    parts = [chunk.parts_NPQ for chunk in chunks if chunk.parts_NPQ is not None]
    return Pictures(
        images_NHWC=np.concatenate([chunk.images_NHWC for chunk in chunks]),
        answers_NQ=np.concatenate([chunk.answers_NQ for chunk in chunks]),
        parts_NPQ=np.concatenate(parts) if parts else None,
    )


def _draw_chunk(job: tuple[int, int, int, int, bool]) -> Pictures:
    seed, stream, start, stop, with_parts = job
    images, answer_rows, part_rows = [], [], []
    for number in range(start, stop):
        picture = random_picture(np.random.default_rng([seed, stream, number]))
        answer_rows.append([question.truth(picture) for question in QUESTIONS])
        if with_parts:
            image_HWC, regions_HW, labels = render_with_parts(picture)
            part_rows.append(np.packbits(_parts_in_patches(regions_HW, labels), axis=-1))
        else:
            image_HWC = render(picture)
        images.append(image_HWC)
    parts_NPQ = np.stack(part_rows) if with_parts else None
    return Pictures(np.stack(images), np.array(answer_rows, dtype=bool), parts_NPQ)


def _parts_in_patches(regions_HW: NDArray[np.int32], labels: list[tuple[str, ...]]) -> NDArray[np.bool_]:
    flat = regions_HW * PATCH_COUNT + _PATCH_OF_PIXEL_HW
    pixels_RP = np.bincount(flat.ravel(), minlength=len(labels) * PATCH_COUNT).reshape(len(labels), PATCH_COUNT)
    pixels_PQ = np.zeros((PATCH_COUNT, len(QUESTIONS)), dtype=np.int64)
    for region, ids in enumerate(labels):
        for question_id in ids:
            # A habitat of the shift set is a label that no question asks about.
            if question_id in _QUESTION_INDEX:
                pixels_PQ[:, _QUESTION_INDEX[question_id]] += pixels_RP[region]
    return pixels_PQ >= MIN_PART_PIXELS
