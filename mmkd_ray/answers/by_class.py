"""What the teacher said of each class: its mean answers about the class's training images."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from mmkd_ray.answers.table import TeacherTable
from mmkd_ray.artifacts import Run
from mmkd_ray.data.table import labels_of, read_splits
from mmkd_ray.metrics.agreement import class_answers


def answers_by_class(run: Run, teacher: TeacherTable) -> Float64[np.ndarray, "C Q"]:
    """Mean P(yes) over each class's training images, whatever share of them a student is trained on.

    Args:
        run: with its image table.
        teacher: with the answers to the Q questions.
    """
    table = read_splits(run, ["train"], columns=["image_id", "label"])
    classes = len(run.require(run.images, "images")["class_names"])
    return class_answers(teacher.p_yes_of(table["image_id"].to_pylist()), labels_of(table), classes=classes)
