"""Sources of aspect targets: from P(yes) [N, Q] of the teacher to what is taught, [N, Q]; nan where nothing is.

Each is fixed for a whole training: its generator is made of the student's seed.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int


def answers(
    p_yes_NQ: Float32[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"], generator: np.random.Generator
) -> Float32[np.ndarray, "N Q"]:
    """What the teacher said about each image."""
    del labels_N, generator
    return p_yes_NQ


def shuffled(
    p_yes_NQ: Float32[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"], generator: np.random.Generator
) -> Float32[np.ndarray, "N Q"]:
    """What the teacher said about another image."""
    del labels_N
    return p_yes_NQ[generator.permutation(len(p_yes_NQ))]


def class_means(
    p_yes_NQ: Float32[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"], generator: np.random.Generator
) -> Float32[np.ndarray, "N Q"]:
    """The mean of what the teacher said about all images of the class."""
    del generator
    means_NQ = np.full_like(p_yes_NQ, np.nan)
    for label in np.unique(labels_N):
        of_class_N = labels_N == label
        asked_NQ = p_yes_NQ[of_class_N & np.isfinite(p_yes_NQ).all(axis=1)]
        if len(asked_NQ):
            means_NQ[of_class_N] = asked_NQ.mean(axis=0)
    return means_NQ


def noise(
    p_yes_NQ: Float32[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"], generator: np.random.Generator
) -> Float32[np.ndarray, "N Q"]:
    """Uniform in [0, 1], another number for each image and question."""
    del labels_N
    return generator.uniform(size=p_yes_NQ.shape).astype(np.float32)
