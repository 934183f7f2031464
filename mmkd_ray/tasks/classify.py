"""Classification: one label an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from mmkd_ray import schema
from mmkd_ray.metrics.calibration import (
    BINS,
    brier_score,
    calibration_error,
    fit_temperature,
    log_probabilities,
    negative_log_likelihood,
)
from mmkd_ray.metrics.classification import among_top_k, per_class_accuracy
from mmkd_ray.metrics.selective import area_under_risk_coverage
from mmkd_ray.render.units import NATS, SCORE, SHARE
from mmkd_ray.students.card import TaskName
from mmkd_ray.tasks.task import Images, Metric, Named, Task

if TYPE_CHECKING:  # seconds of imports
    from torch import Tensor

    from mmkd_ray.config import StudentConfig
    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student

TOP1 = Metric("top1", "top-1", SHARE, higher_is_better=True)
TOP5 = Metric("top5", "top-5", SHARE, higher_is_better=True)
ECE = Metric("ece", "calibration error", SHARE, higher_is_better=False)
"""15 bins of equal width of the confidence, which is the highest probability (arXiv 1706.04599)."""
ADAPTIVE_ECE = Metric("adaptive_ece", "adaptive calibration error", SHARE, higher_is_better=False)
"""15 bins of equally many images."""
ECE_SCALED = Metric("ece_scaled", "calibration error after temperature scaling", SHARE, higher_is_better=False)
"""By a temperature that is fitted on the validation split."""
NLL = Metric("nll", "negative log-likelihood", NATS, higher_is_better=False)
BRIER = Metric("brier", "Brier score", SCORE, higher_is_better=False)
AURC = Metric("aurc", "area under risk and coverage", SHARE, higher_is_better=False)
"""Mean error among the k most confident images, over all k."""


@dataclass(frozen=True)
class Classify:
    """See `Task`. Predictions are rows of `schema.predictions`; `calibrate` gives a temperature."""

    name: TaskName = "classify"
    metrics: tuple[Metric, ...] = (TOP1, TOP5)
    trust: tuple[Metric, ...] = (ECE, ADAPTIVE_ECE, ECE_SCALED, NLL, BRIER, AURC)
    primary: Metric = TOP1

    def build(self, config: StudentConfig, *, classes: int, aspects: int) -> Student:
        """A timm model whose output layer is widened from C to C + Q."""
        from mmkd_ray.students.model import build_student  # noqa: PLC0415 (seconds)

        return build_student(config, classes=classes, aspects=aspects)

    def validate(self, student: Student, val: Pixels, total: Callable[[Tensor], Tensor]) -> float:
        """Share of the images whose highest class logit is that of their label."""
        import torch  # noqa: PLC0415 (seconds)

        from mmkd_ray.students.outputs import BATCH, outputs  # noqa: PLC0415

        right = 0
        if len(val):
            class_logits_NC, _ = outputs(student, val.in_batches(BATCH))
            right = int((class_logits_NC.argmax(dim=1) == val.labels_N).sum())
        right_in_all, images = total(torch.tensor([right, len(val)])).tolist()
        return right_in_all / images

    def predict(self, students: Sequence[Student], images: Images) -> list[pa.Table]:
        """Class logits and aspect logits of each image."""
        from mmkd_ray.students.outputs import BATCH, outputs_of  # noqa: PLC0415 (seconds)

        return [
            pa.table(
                {
                    "image_id": images.image_ids,
                    "split": images.splits,
                    "label": pa.array(images.labels_N.numpy(), pa.int32()),
                    "class_logits": schema.fixed_size_rows(class_logits_NC.numpy()),
                    "aspect_logits": schema.fixed_size_rows(aspect_logits_NQ.numpy()),
                },
                schema=schema.predictions(class_logits_NC.shape[1], aspect_logits_NQ.shape[1]),
            )
            for class_logits_NC, aspect_logits_NQ in outputs_of(students, images.in_batches(BATCH))
        ]

    def calibrate(self, predictions: pa.Table) -> float:
        """The temperature of the validation split."""
        return fit_temperature(*_classes(predictions))

    def measure(self, predictions: pa.Table, *, calibrated_by: float) -> dict[str, float]:
        """Top-1 and top-5 accuracy, and what is in `trust`."""
        logits_NC, labels_N = _classes(predictions)
        log_p_NC, right_N = log_probabilities(logits_NC), among_top_k(logits_NC, labels_N, k=1)
        confidence_N, scaled_NC = np.exp(log_p_NC.max(axis=1)), log_probabilities(logits_NC, temperature=calibrated_by)
        found = {
            TOP1: float(right_N.mean()),
            TOP5: float(among_top_k(logits_NC, labels_N, k=5).mean()),
            ECE: calibration_error(confidence_N, right_N, bins=BINS),
            ADAPTIVE_ECE: calibration_error(confidence_N, right_N, bins=BINS, adaptive=True),
            ECE_SCALED: calibration_error(np.exp(scaled_NC.max(axis=1)), right_N, bins=BINS),
            NLL: negative_log_likelihood(log_p_NC, labels_N),
            BRIER: brier_score(log_p_NC, labels_N),
            AURC: area_under_risk_coverage(confidence_N, right_N),
        }
        return {metric.name: value for metric, value in found.items()}

    def restrict(self, predictions: pa.Table) -> pa.Table:
        """The logits of the other classes become -inf, so that their probability is 0."""
        logits_NC, labels_N = _classes(predictions)
        occurs_C = np.isin(np.arange(logits_NC.shape[1]), labels_N)
        column = predictions.schema.get_field_index("class_logits")
        logits = schema.fixed_size_rows(np.where(occurs_C, logits_NC, -np.inf))
        return predictions.set_column(column, predictions.schema.field(column), logits)

    def score_images(self, predictions: pa.Table) -> Float64[np.ndarray, " N"]:
        """1 for an image whose highest class logit is that of its label, else 0."""
        return among_top_k(*_classes(predictions), k=1).astype(np.float64)

    def name_classes(self, predictions: pa.Table) -> Named:
        """The class with the highest logit, and its probability."""
        logits_NC, labels_N = _classes(predictions)
        confidence_N, right_N = np.exp(log_probabilities(logits_NC).max(axis=1)), among_top_k(logits_NC, labels_N, k=1)
        return Named(logits_NC.argmax(axis=1), confidence_N, right_N)

    def measure_classes(self, predictions: pa.Table) -> list[float]:
        """Top-1 accuracy on each class's images."""
        return per_class_accuracy(*_classes(predictions)).tolist()


CLASSIFY: Task = Classify()


def _classes(predictions: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Class logits [N, C] and labels [N]."""
    return schema.matrix(predictions["class_logits"]), predictions["label"].to_numpy()
