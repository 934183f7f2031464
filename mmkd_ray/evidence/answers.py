"""The teacher's answers on the pilot sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64


@dataclass(frozen=True)
class PilotAnswers:
    """The teacher's answers about N images; nan where a question was not asked in that way."""

    image_ids: tuple[str, ...]
    label_N: Int64[np.ndarray, " N"]
    p_yes_NQ: Float32[np.ndarray, "N Q"]
    mass_NQ: Float32[np.ndarray, "N Q"]
    """P(yes) + P(no) over the whole vocabulary."""
    reworded_NQ: Float32[np.ndarray, "N Q"]
    """P(yes) of another wording."""
    flipped_NQ: Float32[np.ndarray, "N Q"]
    """P(yes) about the image flipped from left to right."""
