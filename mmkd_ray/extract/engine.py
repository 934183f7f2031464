"""What an engine that asks a teacher gives, whatever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class Answers:
    """The teacher's answers about N images to Q questions: natural logs over the whole vocabulary.

    P(yes) = sigmoid(log_p_yes - log_p_no); the answer mass is exp(log_p_yes) + exp(log_p_no), 1 for a teacher that
    says nothing but the two answers.
    """

    log_p_yes_NQ: Float32[np.ndarray, "N Q"]
    log_p_no_NQ: Float32[np.ndarray, "N Q"]


class Engine(Protocol):
    """A loaded teacher."""

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image; an answer depends on its image and question alone."""
        ...


def p_yes(log_p_yes: Float32[np.ndarray, ...], log_p_no: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
    """P(yes) among the two answers: softmax(logit_yes, logit_no)[yes], as in the paper (section 3.2)."""
    difference = np.asarray(log_p_no, dtype=np.float64) - np.asarray(log_p_yes, dtype=np.float64)
    return (1 / (1 + np.exp(difference))).astype(np.float32)


def answer_mass(log_p_yes: Float32[np.ndarray, ...], log_p_no: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
    """P(yes) + P(no) over the whole vocabulary."""
    return np.exp(log_p_yes) + np.exp(log_p_no)
