"""The arms of a study: they differ from the baseline in the aspect targets, and in nothing else."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from mmkd_ray.config import ArmName

BASELINE: ArmName = "ce"

DESCRIPTIONS: dict[ArmName, str] = {
    "ce": "cross-entropy alone, the baseline",
    "makd": "the teacher's answers about each image",
    "random": "control: noise for each image and question",
    "shuffled": "control: the teacher's answers about other images",
}


def uses_teacher(arm: ArmName) -> bool:
    """Whether an arm's targets come from the teacher table."""
    return arm in ("makd", "shuffled")


def aspect_targets(
    arm: ArmName, teacher_p_yes_NQ: Float32[np.ndarray, "N Q"], *, seed: int
) -> Float32[np.ndarray, "N Q"] | None:
    """What an arm teaches the aspect logits, fixed for a whole training.

    Args:
        arm: name of the arm.
        teacher_p_yes_NQ: the teacher's P(yes) of the N training images.
        seed: of the control arms' randomness.

    Returns:
        Probabilities, one row a training image; None for an arm that has no aspect term.
    """
    generator = np.random.default_rng([seed, 0xA59EC7])
    if arm == "ce":
        return None
    if arm == "makd":
        return teacher_p_yes_NQ
    if arm == "shuffled":
        return teacher_p_yes_NQ[generator.permutation(len(teacher_p_yes_NQ))]
    return generator.uniform(size=teacher_p_yes_NQ.shape).astype(np.float32)
