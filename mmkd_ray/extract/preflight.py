"""Check on a few images that the teacher answers, and consistently, before it is asked about all images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmkd_ray.answers.probability import MASS_ADVICE, Answers, answer_mass, mass_problem
from mmkd_ray.answers.query import Query
from mmkd_ray.config import ExtractConfig
from mmkd_ray.extract.engines.base import Engine, LocalEngine
from mmkd_ray.extract.engines.mirror import answer_all

_IMAGES_AGAIN, _QUESTIONS_AGAIN = 2, 3
"""Number of images and questions (first, last, middle) that are asked again: 6 cells alone, 6 in another order."""


def find_problem(
    engine: Engine, images: Sequence[bytes], queries: Sequence[Query], extract: ExtractConfig, *, all_may_fail: bool
) -> str:
    """Why extraction should not go on, as a sentence; empty if it may.

    Args:
        engine: must not be asked anything else meanwhile.
        images: of which the first `extract.preflight_images` are asked about.
        queries: Q columns of the teacher table.
        extract: the limits.
        all_may_fail: True if all of these images may be bad, because an earlier run has asked about the others.
    """
    images = images[: extract.preflight_images]
    answers = answer_all(engine, images, queries)
    asked = [row for row in range(len(images)) if row not in answers.failed]
    if not asked:
        reason = next(iter(answers.failed.values()), "no image was given")
        return "" if all_may_fail else f"none of the first {len(images)} images can be asked about: {reason}"
    images = [images[row] for row in asked]
    answers = Answers(answers.log_p_yes_NQ[asked], answers.log_p_no_NQ[asked])
    return (
        _not_a_number(answers, queries)
        or _no_answer(engine, images, queries, answers, extract.min_answer_mass)
        or _dependence(engine, images, queries, answers)
    )


def _not_a_number(answers: Answers, queries: Sequence[Query]) -> str:
    bad_Q = (np.isnan(answers.log_p_yes_NQ) | np.isnan(answers.log_p_no_NQ)).any(axis=0)
    if not bad_Q.any():
        return ""
    return (
        f"the teacher's probabilities are not numbers (nan) for {bad_Q.sum()} of {len(queries)} questions, e.g. "
        f"'{queries[int(bad_Q.argmax())]}': usually an overflow; set teacher.dtype to bfloat16 or float32"
    )


def _no_answer(
    engine: Engine, images: Sequence[bytes], queries: Sequence[Query], answers: Answers, min_answer_mass: float
) -> str:
    """The sentence about questions that are not answered, with the spelling of the answers that would be."""
    mass_Q = answer_mass(answers.log_p_yes_NQ, answers.log_p_no_NQ).mean(axis=0)
    names = [str(query) for query in queries]
    problem = mass_problem(mass_Q, len(images), names, min_answer_mass)
    if not problem or not isinstance(engine, LocalEngine):
        return problem
    advice = _advice(engine, images, queries[int(mass_Q.argmin())].question, min_answer_mass)
    return mass_problem(mass_Q, len(images), names, min_answer_mass, advice=advice)


def _advice(engine: LocalEngine, images: Sequence[bytes], question: str, min_answer_mass: float) -> str:
    """The setting with which the questions would be answered; it is named, not applied.

    The tokens are part of the identity of the answers. If each engine chose them by the first images that it sees, two
    engines could choose differently under one identity.
    """
    tried = []
    for spelling in engine.spellings():
        spelled = engine.answer_spelled(spelling, images, [question])
        tried.append((spelling, float(np.nanmean(answer_mass(spelled.log_p_yes_NQ, spelled.log_p_no_NQ)))))
    if not tried:
        return MASS_ADVICE
    listed = "tokens tried: " + ", ".join(f"{spelling.name} {mass:.3g}" for spelling, mass in tried)
    enough = [(spelling, mass) for spelling, mass in tried if mass >= min_answer_mass]
    if not enough:
        return f"{listed}; change the prompt or the question, or lower the limit"
    pairs = [entry for entry in enough if len(entry[0].tokens.all) == 2]
    best, _ = max(pairs or enough, key=lambda entry: entry[1])
    return f"{listed}; set {best.setting}"


def _dependence(engine: Engine, images: Sequence[bytes], queries: Sequence[Query], together: Answers) -> str:
    """The sentence about answers that depend on what else is asked at the same time; empty if they do not.

    vLLM computes some architectures wrongly if several prompts are processed together: with LFM2-VL on a CPU,
    log-probabilities are wrong by up to 0.09.
    """
    columns = [column for column, query in enumerate(queries) if query.view == "plain"]
    if not isinstance(engine, LocalEngine) or not columns:
        return ""
    rows_K, columns_K = _spread(list(range(len(images))), _IMAGES_AGAIN), _spread(columns, _QUESTIONS_AGAIN)
    some = [images[row] for row in rows_K], [queries[column].question for column in columns_K]
    reversed_order = engine.answer(some[0][::-1], some[1][::-1])
    ways = {
        "alone": _stacked(engine.answer_alone(*some)),
        "in another order": _stacked(reversed_order)[:, ::-1, ::-1],
    }
    before = _stacked(together)[:, rows_K][:, :, columns_K]
    for way, again in ways.items():
        difference_AKK = np.abs(again - before)
        worst = float(np.nanmax(difference_AKK))
        if worst > engine.tolerance:
            _, _, column = np.unravel_index(int(np.nanargmax(difference_AKK)), difference_AKK.shape)
            return (
                f"the teacher's answers depend on what else is asked at the same time: log P of '{some[1][column]}' "
                f"differs by {worst:.2g} when it is asked {way}, more than rounding explains ({engine.tolerance:g}). "
                "vLLM computes this architecture wrongly if several prompts are processed together: set "
                "teacher.engine_args: {max_num_seqs: 1, enable_prefix_caching: false}, which asks one question at a "
                "time, or choose another teacher"
            )
    return ""


def _spread(values: list[int], most: int) -> list[int]:
    """`most` of the values: first, last and evenly between."""
    places = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[place] for place in places]


def _stacked(answers: Answers) -> np.ndarray:
    return np.stack([answers.log_p_yes_NQ, answers.log_p_no_NQ])
