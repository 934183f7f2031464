"""The arms of a study: they differ from the baseline in what the student is taught, and in nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int

from mmkd_ray.config import ArmName

BASELINE: ArmName = "ce"


@dataclass(frozen=True)
class Arm:
    """What a student is taught besides its labels."""

    description: str
    aspects: Literal["teacher", "shuffled", "class_mean", "random"] | None = None
    """Where the targets of the aspect logits come from; None: there is no aspect loss."""
    classes: Literal["smoothed", "zero_shot", "kd", "dkd"] | None = None
    """What is taught of the classes beyond the label."""
    control: bool = False
    """Whether it is a control: an arm that has everything but the knowledge under test."""

    @property
    def uses_answers(self) -> bool:
        """Whether the aspect targets are made of the teacher's answers."""
        return self.aspects is not None and self.aspects != "random"

    @property
    def uses_larger_student(self) -> bool:
        """Whether a larger student is a teacher of the classes."""
        return self.classes in ("kd", "dkd")


ARMS: dict[ArmName, Arm] = {
    "ce": Arm("cross-entropy alone, the baseline"),
    "makd": Arm("the teacher's answers about each image", aspects="teacher"),
    "random": Arm("control: noise for each image and question", aspects="random", control=True),
    "shuffled": Arm("control: the teacher's answers about other images", aspects="shuffled", control=True),
    "class_mean": Arm("control: the teacher's answers averaged over each class", aspects="class_mean", control=True),
    "label_smoothing": Arm("control: cross-entropy with smoothed labels", classes="smoothed", control=True),
    "zero_shot_kd": Arm("the teacher's own class probabilities", classes="zero_shot"),
    "kd": Arm("a larger student's class probabilities (Hinton et al. 2015)", classes="kd"),
    "dkd": Arm("the same, decoupled (Zhao et al. 2022)", classes="dkd"),
    "makd+kd": Arm("the teacher's answers and a larger student's class probabilities", aspects="teacher", classes="kd"),
}


def aspect_targets(
    arm: ArmName, teacher_p_yes_NQ: Float32[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"], *, seed: int
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
    generator = np.random.default_rng([seed, 0xA59EC7])
    match ARMS[arm].aspects:
        case None:
            return None
        case "teacher":
            return teacher_p_yes_NQ
        case "shuffled":
            return teacher_p_yes_NQ[generator.permutation(len(teacher_p_yes_NQ))]
        case "class_mean":
            return _class_means(teacher_p_yes_NQ, labels_N)
        case "random":
            return generator.uniform(size=teacher_p_yes_NQ.shape).astype(np.float32)


def _class_means(p_yes_NQ: Float32[np.ndarray, "N Q"], labels_N: Int[np.ndarray, " N"]) -> Float32[np.ndarray, "N Q"]:
    means_NQ = np.full_like(p_yes_NQ, np.nan)
    for label in np.unique(labels_N):
        of_class_N = labels_N == label
        asked_NQ = p_yes_NQ[of_class_N & np.isfinite(p_yes_NQ).all(axis=1)]
        if len(asked_NQ):
            means_NQ[of_class_N] = asked_NQ.mean(axis=0)
    return means_NQ


def soften(p_yes_NQ: Float32[np.ndarray, "N Q"], temperature: float) -> Float32[np.ndarray, "N Q"]:
    """The teacher's P(yes) with its logits divided by a temperature; at 1 as they are."""
    if temperature == 1:
        return p_yes_NQ
    p_yes_NQ = p_yes_NQ.astype(np.float64).clip(1e-12, 1 - 1e-12)
    return (1 / (1 + np.exp((np.log1p(-p_yes_NQ) - np.log(p_yes_NQ)) / temperature))).astype(np.float32)


def class_targets(p_yes_NC: Float32[np.ndarray, "N C"]) -> Float32[np.ndarray, "N C"]:
    """The teacher's class probabilities from its P(yes) to the question of each class: they are made to sum to 1.

    nan for an image that the teacher could not be asked about.
    """
    return (p_yes_NC / p_yes_NC.sum(axis=1, keepdims=True).clip(min=1e-12)).astype(np.float32)
