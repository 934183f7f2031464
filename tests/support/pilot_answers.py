"""Answers of one's choice on a pilot of two classes."""

from __future__ import annotations

import numpy as np

from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.evidence.answers import PilotAnswers

N = 200
LABELS = np.arange(N) % 2


def question(name: str, **more) -> Aspect:
    return Aspect(f"Is it {name}?", **more)


def follows_class(strength: float = 0.9) -> np.ndarray:
    return np.where(LABELS == 0, strength, 1 - strength)


def answers(*columns, mass=None, reworded=None, flipped=None) -> PilotAnswers:
    """P(yes) by column; what else was measured, if anything, by the position of a column."""
    p_NQ = np.stack(columns, axis=1).astype(np.float32)

    def others(given, default):
        values = np.full_like(p_NQ, default)
        for q, value in (given or {}).items():
            values[:, q] = value
        return values

    return PilotAnswers(
        tuple(f"image {n}" for n in range(N)),
        LABELS.astype(np.int64),
        p_NQ,
        others(mass, 1.0) if mass != "unknown" else np.full_like(p_NQ, np.nan),
        others(reworded, np.nan),
        others(flipped, np.nan),
    )
