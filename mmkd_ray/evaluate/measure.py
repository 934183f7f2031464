"""What one student is worth: its stored predictions as numbers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64

from mmkd_ray import schema
from mmkd_ray.answers.table import TeacherTable
from mmkd_ray.artifacts import Run
from mmkd_ray.evaluate.further import Value, agreement_values, subgroup_values
from mmkd_ray.evaluate.images import MeasuredImages
from mmkd_ray.evaluate.pieces import PREDICTIONS, Piece
from mmkd_ray.evaluate.probes import CLEAN
from mmkd_ray.metrics.classification import aspect_fidelity
from mmkd_ray.metrics.subgroups import by_subgroup
from mmkd_ray.render.units import AUC
from mmkd_ray.study.students import HISTORY, StudentSpec
from mmkd_ray.tasks import Metric, Task

FIDELITY = Metric("aspect_fidelity_auc", "aspect fidelity", AUC, higher_is_better=True)
"""How well the aspect logits rank the images that the teacher answers with Yes above the others: the mean over
questions. Measured on the validation split: the teacher has answered about its images, and no student has learnt from
those answers."""


@dataclass(frozen=True)
class Measured:
    """One student."""

    values: tuple[Value, ...]
    by_class: list[float]
    fidelity_Q: Float64[np.ndarray, " Q"]
    record: dict[str, Any]
    """Of its training."""
    history: list[dict[str, float]]
    image_scores: Mapping[tuple[str, float, str], Float64[np.ndarray, " N"]] = field(default_factory=dict)
    """By probe, severity and split: what each image contributes to the primary metric, in the order of the image table.
    Of the splits whose images stand for others of their kind: all but `val`, which chose the weights."""


def measure_student(
    run: Run,
    task: Task,
    spec: StudentSpec,
    pieces: list[Piece],
    teacher: TeacherTable,
    images: Mapping[str, MeasuredImages],
    *,
    in_training: Mapping[str, int] | None = None,
    class_answers_CQ: Float64[np.ndarray, "C Q"] | None = None,
) -> Measured:
    """Measure a student.

    Args:
        run: with its predictions.
        task: what it does.
        spec: the student.
        pieces: its pieces of work, all done.
        teacher: with the answers to its questions.
        images: of the splits of which scores are kept image by image.
        in_training: number of training images of each subgroup, where there are subgroups.
        class_answers_CQ: the teacher's mean answers about each class's training images, where the student has learnt
            from some.
    """
    folder = spec.folder(run)
    record = run.require(folder, "train", fingerprint=spec.identity)
    restricted = spec.config.evaluate.restricted_splits
    (clean_piece,) = (piece for piece in pieces if piece.probe == CLEAN.name)
    clean = _read(run, task, clean_piece, restricted)
    temperature = task.calibrate(clean["val"]) if "val" in clean else 1.0
    values: list[Value] = []
    image_scores = {}
    for piece in pieces:
        by_split = clean if piece is clean_piece else _read(run, task, piece, restricted)
        for split, rows in by_split.items():
            found = task.measure(rows, calibrated_by=temperature)
            whole = split in images and rows.num_rows == len(images[split].image_ids)
            if whole and (scores_N := task.score_images(rows)) is not None:
                scores_N = images[split].in_order(scores_N, rows["image_id"].to_pylist())
                image_scores[piece.probe, piece.severity, split] = scores_N
                if in_training is not None and (subgroups := images[split].subgroups) is not None:
                    found |= subgroup_values(by_subgroup(subgroups, scores_N, in_training))
            values += [Value(piece.probe, piece.severity, split, name, value) for name, value in found.items()]
    fidelity_Q = np.empty(0)
    if "val" in clean:
        fidelity_Q = _fidelity(clean["val"], teacher)
        values.append(Value(CLEAN.name, 0.0, "val", FIDELITY.name, mean_defined(fidelity_Q)))
    if class_answers_CQ is not None:
        values += agreement_values(task, clean, class_answers_CQ)
    return Measured(
        tuple(values),
        task.measure_classes(clean["test"]) if "test" in clean else [],
        fidelity_Q,
        record,
        folder.read_json(HISTORY, record),
        image_scores,
    )


def _read(run: Run, task: Task, piece: Piece, restricted: Collection[str]) -> dict[str, pa.Table]:
    """The predictions of a piece by split; of `restricted` ones with the classes alone that occur there."""
    predictions = piece.folder(run).read_table(PREDICTIONS)
    by_split = {split: predictions.filter(pc.field("split") == split) for split in piece.splits}
    return {split: task.restrict(rows) if split in restricted else rows for split, rows in by_split.items()}


def _fidelity(rows: pa.Table, teacher: TeacherTable) -> Float64[np.ndarray, " Q"]:
    return aspect_fidelity(schema.matrix(rows["aspect_logits"]), teacher.p_yes_of(rows["image_id"].to_pylist()))


def mean_defined(values: Float64[np.ndarray, " N"]) -> float:
    """Mean of the values that are not nan; nan if there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan
