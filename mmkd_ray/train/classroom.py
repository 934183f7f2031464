"""What the cells of a worker share, what each is taught, and what each leaves behind."""

from __future__ import annotations

import pyarrow as pa
import safetensors.torch
import torch
from torch import Tensor

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.config import Config
from mmkd_ray.data.pixels import Pixels, load_pixels
from mmkd_ray.extract.table import read_teacher_table
from mmkd_ray.students.arms import aspect_targets
from mmkd_ray.students.model import Student, build_student
from mmkd_ray.train.cells import Cell
from mmkd_ray.train.loop import Lesson, StudentTrainer, predict


class Classroom:
    """The images and the teacher's answers in memory, shared by the cells that one worker trains in turn."""

    def __init__(self, config: Config, run: Run, aspects: tuple[Aspect, ...]) -> None:
        self._config = config
        size = config.student.image_size
        table = read_teacher_table(run, [aspect.question for aspect in aspects])
        self.train = load_pixels(run, ["train"], size=config.train.decode_size or size)
        self.val = load_pixels(run, ["val"], size=size)
        self.classes = len(run.require(run.images, "images")["class_names"])
        self.aspects = len(aspects)
        self._teacher_p_yes_NQ = table.p_yes_of(self.train.image_ids)
        self._orientation_Q = torch.tensor([aspect.orientation_sensitive for aspect in aspects])

    def lesson(self, cell: Cell) -> Lesson:
        """What the student of a cell is taught."""
        targets = aspect_targets(cell.arm, self._teacher_p_yes_NQ, seed=cell.seed)
        return Lesson(
            train=self.train,
            val=self.val,
            aspect_targets_NQ=None if targets is None else torch.from_numpy(targets),
            orientation_sensitive_Q=self._orientation_Q,
        )

    def new_student(self, cell: Cell) -> Student:
        """The student of a cell before training: the same for all arms of a seed."""
        torch.manual_seed(cell.seed)
        return build_student(self._config.student, classes=self.classes, aspects=self.aspects)


def write_outcome(
    cell: Cell, folder: Folder, student: Student, held_out: Pixels, *, best_epoch: int, trainer: StudentTrainer
) -> None:
    """Predictions on the held-out splits, weights and history of a finished cell; its record last.

    Args:
        cell: the cell.
        folder: where to write.
        student: with its best weights.
        held_out: every image that is not for training, each once.
        best_epoch: epoch of those weights.
        trainer: for its history.
    """
    folder.delete()
    class_logits_NC, aspect_logits_NQ = predict(student, held_out.images_N3SS)
    folder.write_table(
        "predictions.parquet",
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
    folder.write_bytes("student.safetensors", safetensors.torch.save(_packed(student)))
    folder.write_json("history.json", trainer.history)
    folder.finish(
        cell.identity,
        arm=cell.arm,
        seed=cell.seed,
        best_epoch=best_epoch,
        seconds=sum(epoch["seconds"] for epoch in trainer.history),
        continued_at=trainer.continued_at,
    )


def _packed(student: Student) -> dict[str, Tensor]:
    """The weights in the usual memory layout: safetensors refuses channels last."""
    return {name: weight.detach().cpu().contiguous() for name, weight in student.state_dict().items()}
