"""Reading a finished teacher table, by image and by question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from mmkd_ray.artifacts import Run
from mmkd_ray.extract.engine import answer_mass, p_yes


@dataclass(frozen=True)
class TeacherTable:
    """What the teacher said about N images, rows in the order of `image_ids`."""

    questions: tuple[str, ...]
    image_ids: tuple[str, ...]
    p_yes_NQ: Float32[np.ndarray, "N Q"]
    mass_NQ: Float32[np.ndarray, "N Q"]

    def p_yes_of(self, image_ids: list[str]) -> Float32[np.ndarray, "M Q"]:
        """Rows of P(yes) for these images, in their order; an image the teacher did not see is a KeyError."""
        rows = {image_id: row for row, image_id in enumerate(self.image_ids)}
        return self.p_yes_NQ[[rows[image_id] for image_id in image_ids]]


def read_teacher_table(run: Run) -> TeacherTable:
    """The teacher table of a run.

    Raises:
        ArtifactError: extraction has not finished.
    """
    run.require(run.teacher, "extract")
    questions = tuple(entry["question"] for entry in run.teacher.read_json("questions.json"))
    table = run.teacher.child("table").read_table()
    log_p_yes, log_p_no = (
        np.stack(table[column].to_numpy()).astype(np.float32)
        if table.num_rows
        else np.zeros((0, len(questions)), np.float32)
        for column in ("log_p_yes", "log_p_no")
    )
    return TeacherTable(
        questions=questions,
        image_ids=tuple(table["image_id"].to_pylist()),
        p_yes_NQ=p_yes(log_p_yes, log_p_no),
        mass_NQ=answer_mass(log_p_yes, log_p_no),
    )
