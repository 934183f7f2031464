"""Check on a few images that the teacher answers the questions at all, before it is asked about all images."""

from __future__ import annotations

from collections.abc import Sequence

from mmkd_ray.answers.probability import Answers, answer_mass, mass_problem


def find_problem(answers: Answers, questions: Sequence[str], min_answer_mass: float, *, all_may_fail: bool) -> str:
    """Why extraction should not go on, as a sentence; empty if it may.

    Args:
        answers: about a few images.
        questions: Q texts.
        min_answer_mass: smallest accepted mean over the images of P(yes) + P(no).
        all_may_fail: True if all of these images may be bad, because an earlier run has asked about the others.
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
