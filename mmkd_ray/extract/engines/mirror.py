"""Questions about the mirrored image: columns of their own in the teacher table, asked like any other."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import ImageOps

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import MARK
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.extract.engines.base import Engine


def answer_all(engine: Engine, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
    """Ask about the images, and, for the questions named by `mirrored`, about the flipped images.

    Args:
        engine: the teacher.
        images: N encoded images.
        questions: Q names of columns.

    Returns:
        Answers in the order of `questions`.
    """
    about_mirrored = np.array([question.endswith(MARK) for question in questions], dtype=bool)
    if not about_mirrored.any():
        return engine.answer(images, questions)
    log_p_yes_NQ, log_p_no_NQ = np.full((2, len(images), len(questions)), np.nan, dtype=np.float32)
    failed: dict[int, str] = {}
    for columns, shown in ((~about_mirrored, images), (about_mirrored, [_flip(image) for image in images])):
        if columns.any():
            texts = [question.removesuffix(MARK) for question, use in zip(questions, columns, strict=True) if use]
            answers = engine.answer(shown, texts)
            log_p_yes_NQ[:, columns], log_p_no_NQ[:, columns] = answers.log_p_yes_NQ, answers.log_p_no_NQ
            failed |= answers.failed
    return Answers(log_p_yes_NQ, log_p_no_NQ, failed)


def _flip(encoded: bytes) -> bytes:
    """The image from left to right, without loss."""
    stream = io.BytesIO()
    ImageOps.mirror(decode_rgb(encoded)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
