"""Does the teacher answer the questions at all? Asked of a few images before the cost of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmkd_ray.extract.engine import Answers, answer_mass


def find_problem(answers: Answers, questions: Sequence[str], min_answer_mass: float, *, all_may_fail: bool) -> str:
    """Why extraction should not go on, as a sentence; empty if it may.

    Args:
        answers: about a few images.
        questions: Q texts.
        min_answer_mass: least mean over the images of P(yes) + P(no).
        all_may_fail: whether these may be the few images of a larger run that cannot be asked.
    """
    images = len(answers.log_p_yes_NQ)
    if len(answers.failed) == images:
        if all_may_fail:
            return ""
        reason = next(iter(answers.failed.values()), "no image was given")
        return f"none of the first {images} images can be asked about: {reason}"
    asked = [row for row in range(images) if row not in answers.failed]
    return mass_problem(
        answer_mass(answers.log_p_yes_NQ[asked], answers.log_p_no_NQ[asked]), questions, min_answer_mass
    )


def mass_problem(mass_NQ: np.ndarray, questions: Sequence[str], min_answer_mass: float) -> str:
    """The sentence about questions that the teacher does not answer; empty if there is none."""
    mass_Q = mass_NQ.mean(axis=0)
    low = np.flatnonzero(mass_Q < min_answer_mass)
    if not len(low):
        return ""
    worst = low[np.argmin(mass_Q[low])]
    return (
        f"the teacher does not answer {len(low)} of {len(questions)} questions: the mean of P(yes) + P(no) over "
        f"{len(mass_NQ)} images is {mass_Q[worst]:.3g} for '{questions[worst]}', below extract.min_answer_mass = "
        f"{min_answer_mass:g}; change the prompt or the question, try teacher.tokens=all_variants, or lower the limit"
    )
