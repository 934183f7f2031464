"""Does the teacher answer the questions at all? Asked of a few images before the cost of all."""

from __future__ import annotations

from collections.abc import Sequence

from mmkd_ray.answers.probability import Answers, answer_mass, mass_problem


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
