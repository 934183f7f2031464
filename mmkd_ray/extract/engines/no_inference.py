"""An engine that answers instantly and at random, to measure the pipeline's maximum speed and to test failures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from mmkd_ray.answers.probability import Answers
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import DataError


class NoInferenceEngine:
    """Decodes every image, as any engine must, and draws its answers from the image's hash."""

    def __init__(self) -> None:
        self._requests = 0

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Random probabilities of which P(yes) + P(no) is 1; the same for the same image and number of questions."""
        self._requests += len(images) * len(questions)
        p_NQ = np.full((len(images), len(questions)), np.nan)
        failed = {}
        for row, encoded in enumerate(images):
            try:
                decode_rgb(encoded)
            except DataError as error:
                failed[row] = str(error)
                continue
            seed = int.from_bytes(hashlib.sha256(encoded).digest()[:8], "little")
            p_NQ[row] = np.random.default_rng(seed).uniform(0.01, 0.99, len(questions))
        return Answers(np.log(p_NQ).astype(np.float32), np.log1p(-p_NQ).astype(np.float32), failed)

    def counts(self) -> dict[str, float]:
        """`requests`: answers so far."""
        return {"requests": self._requests}
