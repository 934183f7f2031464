"""From an arm's name to what it teaches: its sources, as `config/arms.py` names them, are loaded and asked."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float32, Int

from mmkd_ray.config import ARMS, Config
from mmkd_ray.students.targets.labels import Labels, Provided


def aspect_targets(
    arm: str, teacher_p_yes_NQ: Float32[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"], *, seed: int
) -> Float32[np.ndarray, "N Q"] | None:
    """What an arm teaches the aspect logits, fixed for a whole training.

    Args:
        arm: name of the arm.
        teacher_p_yes_NQ: the teacher's P(yes) of the N training images; nan where it could not be asked.
        labels_N: their classes.
        seed: of the control arms' randomness.

    Returns:
        Probabilities, one row a training image, nan for what is not taught; None for an arm without an aspect loss.
    """
    source = ARMS[arm].aspects
    if source is None:
        return None
    return _load(source.made_by)(teacher_p_yes_NQ, labels_N, np.random.default_rng([seed, 0xA59EC7]))


def class_targets(arm: str, config: Config, provided: Provided) -> Labels:
    """What an arm teaches the class logits."""
    return _load(ARMS[arm].classes.made_by).make(config, provided)


def soften(p_yes_NQ: Float32[np.ndarray, "N Q"], temperature: float) -> Float32[np.ndarray, "N Q"]:
    """The teacher's P(yes) with its logits divided by a temperature; at 1 as they are."""
    if temperature == 1:
        return p_yes_NQ
    p_yes_NQ = p_yes_NQ.astype(np.float64).clip(1e-12, 1 - 1e-12)
    return (1 / (1 + np.exp((np.log1p(-p_yes_NQ) - np.log(p_yes_NQ)) / temperature))).astype(np.float32)


def _load(made_by: str) -> Any:
    module, _, name = made_by.rpartition(".")
    return getattr(import_module(f"mmkd_ray.students.targets.{module}"), name)
