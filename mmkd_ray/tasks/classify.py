"""Classification: one label an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from mmkd_ray import schema
from mmkd_ray.metrics.classification import among_top_k, per_class_accuracy
from mmkd_ray.render.units import SHARE
from mmkd_ray.students.card import TaskName
from mmkd_ray.tasks.task import Metric, Task

if TYPE_CHECKING:  # seconds of imports
    from torch import Tensor

    from mmkd_ray.config import StudentConfig
    from mmkd_ray.data.feed.pixels import Pixels
    from mmkd_ray.students.model import Student

TOP1 = Metric("top1", "top-1", SHARE, higher_is_better=True)
TOP5 = Metric("top5", "top-5", SHARE, higher_is_better=True)


@dataclass(frozen=True)
class Classify:
    """See `Task`. Predictions are rows of `schema.predictions`."""

    name: TaskName = "classify"
    metrics: tuple[Metric, ...] = (TOP1, TOP5)
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

    def predict(self, student: Student, images: Pixels) -> pa.Table:
        """Class logits and aspect logits of each image."""
        from mmkd_ray.students.outputs import BATCH, outputs  # noqa: PLC0415 (seconds)

        class_logits_NC, aspect_logits_NQ = outputs(student, images.in_batches(BATCH))
        return pa.table(
            {
                "image_id": images.image_ids,
                "split": images.splits,
                "label": pa.array(images.labels_N.numpy(), pa.int32()),
                "class_logits": schema.fixed_size_rows(class_logits_NC.numpy()),
                "aspect_logits": schema.fixed_size_rows(aspect_logits_NQ.numpy()),
            },
            schema=schema.predictions(class_logits_NC.shape[1], aspect_logits_NQ.shape[1]),
        )

    def measure(self, predictions: pa.Table) -> dict[str, float]:
        """Top-1 and top-5 accuracy."""
        scores = {TOP1: among_top_k(*_classes(predictions), k=1), TOP5: among_top_k(*_classes(predictions), k=5)}
        return {metric.name: float(right_N.mean()) for metric, right_N in scores.items()}

    def score_images(self, predictions: pa.Table) -> Float64[np.ndarray, " N"]:
        """1 for an image whose highest class logit is that of its label, else 0."""
        return among_top_k(*_classes(predictions), k=1).astype(np.float64)

    def measure_classes(self, predictions: pa.Table) -> list[float]:
        """Top-1 accuracy on each class's images."""
        return per_class_accuracy(*_classes(predictions)).tolist()


CLASSIFY: Task = Classify()


def _classes(predictions: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Class logits [N, C] and labels [N]."""
    return schema.matrix(predictions["class_logits"]), predictions["label"].to_numpy()
