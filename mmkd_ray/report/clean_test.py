"""What the stored predictions of the clean test images say beyond the measures: groups, and reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkd_ray import schema
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.data.table import require_images
from mmkd_ray.evaluate.evaluation import Evaluation
from mmkd_ray.evaluate.images import read_measured_images
from mmkd_ray.evaluate.pieces import PREDICTIONS, pieces_of
from mmkd_ray.evaluate.probes import CLEAN
from mmkd_ray.metrics.calibration import log_probabilities, reliability
from mmkd_ray.metrics.subgroups import by_subgroup
from mmkd_ray.render.charts.groups import GroupChart, values_by_group
from mmkd_ray.render.charts.reliability import Bin, ReliabilityChart, reliability_diagram
from mmkd_ray.study.students import trained_students

Predictions = Mapping[str, Sequence[pa.Table]]
"""Of each arm's students, the rows of the test split."""


def clean_test_predictions(config: Config, run: Run, evaluation: Evaluation) -> Predictions:
    """The predictions of the first variant's students about clean test images."""
    images, variant = require_images(config, run), next(iter(evaluation.variants))
    found: dict[str, list[pa.Table]] = {arm: [] for arm in evaluation.arms}
    for spec in trained_students(config, run):
        if spec.variant == variant:
            piece = next(piece for piece in pieces_of(spec, images) if piece.probe == CLEAN.name)
            rows = piece.folder(run).read_table(PREDICTIONS)
            found[spec.arm].append(rows.filter(pc.field("split") == "test"))
    return found


def group_chart(config: Config, run: Run, evaluation: Evaluation, predictions: Predictions) -> GroupChart | None:
    """The primary metric of each group of test images, mean over seeds; None where images have no groups."""
    if not config.data.subgroups:
        return None
    test = read_measured_images(run, ["test"], has_groups=False, has_subgroups=True)["test"]
    group_of = dict(zip(test.image_ids, test.subgroups or (), strict=True))
    values = {arm: _by_group(evaluation, students, group_of) for arm, students in predictions.items()}
    return values_by_group(values, evaluation.primary.unit)


def _by_group(evaluation: Evaluation, students: Sequence[pa.Table], group_of: Mapping[str, str]) -> dict[str, float]:
    by_seed: list[dict[str, float]] = []
    for rows in students:
        scores_N = evaluation.of_task.score_images(rows)
        if scores_N is None:
            return {}
        groups_N = [group_of[image_id] for image_id in rows["image_id"].to_pylist()]
        by_seed.append(by_subgroup(groups_N, scores_N, {}).accuracy)
    return {group: float(np.mean([seed[group] for seed in by_seed])) for group in by_seed[0]} if by_seed else {}


def reliability_chart(predictions: Predictions) -> ReliabilityChart | None:
    """Accuracy by confidence, all seeds of an arm together."""
    return reliability_diagram({arm: _bins(students) for arm, students in predictions.items() if students})


def _bins(students: Sequence[pa.Table]) -> list[Bin]:
    log_p_NC = np.concatenate([log_probabilities(schema.matrix(rows["class_logits"])) for rows in students])
    labels_N = np.concatenate([rows["label"].to_numpy() for rows in students])
    found = reliability(np.exp(log_p_NC.max(axis=1)), log_p_NC.argmax(axis=1) == labels_N)
    return [Bin(confidence, accuracy, images / len(labels_N)) for confidence, accuracy, images in found]
