"""What a finished student leaves behind: predictions, weights, history."""

from __future__ import annotations

import pyarrow as pa
import safetensors.torch
from torch import Tensor

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder
from mmkd_ray.data.feed.resident import Pixels
from mmkd_ray.students.model import Student
from mmkd_ray.study.students import HISTORY, PREDICTIONS, STUDENT, StudentSpec
from mmkd_ray.train.loop import StudentTrainer, predict


def write_outcome(
    spec: StudentSpec, folder: Folder, student: Student, held_out: Pixels, *, best_epoch: int, trainer: StudentTrainer
) -> None:
    """Predictions on the held-out splits, weights and history of a finished student; its record last.

    Args:
        spec: the student.
        folder: where to write.
        student: with its best weights.
        held_out: every image that is not for training, each once.
        best_epoch: epoch of those weights.
        trainer: for its history.
    """
    folder.delete()
    class_logits_NC, aspect_logits_NQ = predict(student, held_out.images_N3SS)
    folder.write_table(
        PREDICTIONS,
        pa.table(
            {
                "image_id": held_out.image_ids,
                "split": held_out.splits,
                "label": pa.array(held_out.labels_N.numpy(), pa.int32()),
                "class_logits": schema.fixed_size_rows(class_logits_NC.numpy()),
                "aspect_logits": schema.fixed_size_rows(aspect_logits_NQ.numpy()),
            },
            schema=schema.predictions(class_logits_NC.shape[1], aspect_logits_NQ.shape[1]),
        ),
    )
    folder.write_bytes(STUDENT, safetensors.torch.save(_packed(student)))
    folder.write_json(HISTORY, trainer.history)
    folder.finish(
        spec.identity,
        variant=spec.variant,
        arm=spec.arm,
        seed=spec.seed,
        best_epoch=best_epoch,
        seconds=sum(epoch["seconds"] for epoch in trainer.history),
        continued_at=trainer.continued_at,
        workers=trainer.workers,
    )


def _packed(student: Student) -> dict[str, Tensor]:
    """The weights in the usual memory layout: safetensors refuses channels last."""
    return {name: weight.detach().cpu().contiguous() for name, weight in student.state_dict().items()}
