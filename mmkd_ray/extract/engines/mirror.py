"""The views of an image that queries ask about: as it is, or mirrored."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import ImageOps

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import Query
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.extract.engines.base import Engine


def answer_all(engine: Engine, images: Sequence[bytes], queries: Sequence[Query]) -> Answers:
    """Ask each question about the view of the images that its query names.

    Args:
        engine: the teacher.
        images: N encoded images.
        queries: Q questions, each about a view.

    Returns:
        Answers in the order of `queries`.
    """
    about_mirrored = np.array([query.view == "mirrored" for query in queries], dtype=bool)
    if not about_mirrored.any():
        return engine.answer(images, [query.question for query in queries])
    log_p_yes_NQ, log_p_no_NQ = np.full((2, len(images), len(queries)), np.nan, dtype=np.float32)
    failed: dict[int, str] = {}
    for columns, shown in ((~about_mirrored, images), (about_mirrored, [_flip(image) for image in images])):
        if columns.any():
            texts = [query.question for query, use in zip(queries, columns, strict=True) if use]
            answers = engine.answer(shown, texts)
            log_p_yes_NQ[:, columns], log_p_no_NQ[:, columns] = answers.log_p_yes_NQ, answers.log_p_no_NQ
            failed |= answers.failed
    return Answers(log_p_yes_NQ, log_p_no_NQ, failed)


def _flip(encoded: bytes) -> bytes:
    """The image from left to right, without loss."""
    stream = io.BytesIO()
    ImageOps.mirror(decode_rgb(encoded)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
