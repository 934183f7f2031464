"""What an engine that asks a teacher gives, whatever runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class Answers:
    """The teacher's answers about N images to Q questions: natural logs over the whole vocabulary.

    P(yes) = sigmoid(log_p_yes - log_p_no); the answer mass is exp(log_p_yes) + exp(log_p_no), 1 for a teacher that
    says nothing but the two answers. Cells that could not be asked are nan.
    """

    log_p_yes_NQ: Float32[np.ndarray, "N Q"]
    log_p_no_NQ: Float32[np.ndarray, "N Q"]
    failed: Mapping[int, str] = field(default_factory=dict)
    """Why an image could not be asked (all of) its questions, by its row."""


class Engine(Protocol):
    """A loaded teacher.

    `answer` may be called by several threads at a time: an engine still busy with one batch is given the next.
    """

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image; an answer depends on its image and question alone."""
        ...

    def counts(self) -> dict[str, float]:
        """What the engine has done so far, e.g. `busy_s`, `prompt_tokens`, `computed_tokens`."""
        ...


def p_yes(log_p_yes: Float32[np.ndarray, ...], log_p_no: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
    """P(yes) among the two answers: softmax(logit_yes, logit_no)[yes], as in the paper (section 3.2)."""
    difference = np.asarray(log_p_no, dtype=np.float64) - np.asarray(log_p_yes, dtype=np.float64)
    return (1 / (1 + np.exp(difference))).astype(np.float32)


def answer_mass(log_p_yes: Float32[np.ndarray, ...], log_p_no: Float32[np.ndarray, ...]) -> Float32[np.ndarray, ...]:
    """P(yes) + P(no) over the whole vocabulary."""
    return np.exp(log_p_yes) + np.exp(log_p_no)
