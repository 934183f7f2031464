"""What is known of each question: the teacher's answers, and how well the students follow them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmkd_ray.answers.table import TeacherTable
from mmkd_ray.evaluate.evaluation import Evaluation
from mmkd_ray.render.scale import Scale, Tick, nice_values

MAX_QUESTIONS = 20
"""More questions than these are drawn by their two ends; the table has them all."""


@dataclass(frozen=True)
class QuestionRow:
    """One question."""

    question: str
    mean_p_yes: float | None
    """Over the images that the teacher saw."""
    answer_mass: float | None
    """Mean of P(yes) + P(no) over the whole vocabulary."""
    fidelity: dict[str, float | None]
    """AUC by arm; None where the teacher always gives the same answer."""
    at: dict[str, float]
    """Position of each arm's AUC in percent of the track."""


@dataclass(frozen=True)
class QuestionChart:
    """All questions, best followed first, and which of them are drawn."""

    rows: list[QuestionRow]
    best: list[QuestionRow]
    worst: list[QuestionRow]
    undefined: int
    chance: float
    ticks: list[Tick]


def question_chart(
    evaluation: Evaluation, teacher: TeacherTable, answer_mass: dict[str, float], *, order_by: str
) -> QuestionChart:
    """Questions in the order of the aspect fidelity of arm `order_by`."""
    fidelity = {arm: results.fidelity for arm, results in evaluation.arms.items()}
    defined = [value for values in fidelity.values() for value in values if value is not None]
    scale = Scale(min([0.4, *(value - 0.03 for value in defined)]), 1.03)
    mean_Q = teacher.p_yes_NQ.mean(axis=0) if len(teacher.p_yes_NQ) else np.full(len(teacher.questions), np.nan)
    means = dict(zip(teacher.questions, mean_Q.tolist(), strict=True))
    rows = [
        _row(question, means.get(question), answer_mass, {arm: fidelity[arm][q] for arm in fidelity}, scale)
        for q, question in enumerate(evaluation.questions)
    ]
    rows.sort(key=lambda row: _descending(row.fidelity[order_by]))
    drawn = [row for row in rows if row.fidelity[order_by] is not None]
    many, end = len(drawn) > MAX_QUESTIONS, MAX_QUESTIONS // 2
    return QuestionChart(
        rows=rows,
        best=drawn[:end] if many else drawn,
        worst=drawn[-end:] if many else [],
        undefined=len(rows) - len(drawn),
        chance=scale(0.5),
        ticks=[Tick(scale(value), f"{value:.1f}") for value in nice_values(max(scale.low, 0), 1, about=5)],
    )


def _row(
    question: str,
    mean_p_yes: float | None,
    answer_mass: dict[str, float],
    fidelity: dict[str, float | None],
    scale: Scale,
) -> QuestionRow:
    at = {arm: scale(value) for arm, value in fidelity.items() if value is not None}
    return QuestionRow(question, mean_p_yes, answer_mass.get(question), fidelity, at)


def _descending(value: float | None) -> tuple[bool, float]:
    """Sort key: large values first, None last."""
    return (value is None, -(value or 0))
