"""Training one student, an epoch at a time: plain PyTorch, with or without DDP around the model."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor, nn

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.augment import apply_views
from mmkd_ray.data.pixels import Pixels
from mmkd_ray.errors import StudentError
from mmkd_ray.students.losses import hybrid_loss
from mmkd_ray.students.model import Student
from mmkd_ray.train.batches import Batch, epoch_batches, steps_per_epoch
from mmkd_ray.train.recipe import learning_rate, make_optimizer

EVAL_BATCH = 256


@dataclass(frozen=True)
class Lesson:
    """What one student is taught: images, and the arm's aspect targets."""

    train: Pixels
    val: Pixels
    aspect_targets_NQ: Float32[Tensor, "N Q"] | None
    orientation_sensitive_Q: Bool[Tensor, " Q"]


class StudentTrainer:
    """The state of one training: model, optimiser, best weights so far, history.

    All randomness is drawn from (seed, epoch), so a training that is continued from `state_dict` after any epoch ends
    with the same weights as an unbroken one.
    """

    def __init__(
        self,
        model: nn.Module,
        student: Student,
        lesson: Lesson,
        config: TrainConfig,
        *,
        image_size: int,
        seed: int,
        rank: int = 0,
        workers: int = 1,
    ) -> None:
        """Take a student and, where it is trained by several workers, `model`: the student wrapped in DDP."""
        self.student = student
        self._model, self._lesson, self._config = model, lesson, config
        self._image_size, self._seed, self._rank, self._workers = image_size, seed, rank, workers
        self._device = next(student.parameters()).device
        self._optimizer = make_optimizer(student, config)
        self._best: dict[str, Any] = {"val_top1": -1.0, "epoch": -1, "weights": {}}
        self.history: list[dict[str, float]] = []
        self.continued_at: list[int] = []
        """Epochs at which the training was continued from a checkpoint."""

    @property
    def epochs_done(self) -> int:
        """Finished epochs."""
        return len(self.history)

    def run_epoch(self) -> dict[str, float]:
        """Train for one epoch, validate, and keep the weights if none were better.

        Returns:
            `epoch`, `loss` (mean, nats), `lr` at its end, `val_top1` in [0, 1], `seconds`.

        Raises:
            StudentError: the loss is not finite.
        """
        started, epoch = time.perf_counter(), self.epochs_done
        torch.manual_seed(self._seed * 1_000_003 + epoch)  # dropout and the like
        loss = self._train_epoch(epoch)
        val_top1 = self._validate()
        if val_top1 >= self._best["val_top1"]:
            self._best = {"val_top1": val_top1, "epoch": epoch, "weights": copy.deepcopy(self.student.state_dict())}
        self.history.append(
            {
                "epoch": epoch,
                "loss": loss,
                "lr": self._optimizer.param_groups[0]["lr"],
                "val_top1": val_top1,
                "seconds": time.perf_counter() - started,
            }
        )
        return self.history[-1]

    def best_student(self) -> tuple[Student, int]:
        """The student with the weights that were best on the validation split, and their epoch."""
        self.student.load_state_dict(self._best["weights"])
        return self.student.eval(), self._best["epoch"]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue."""
        return {
            "student": self.student.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "best": self._best,
            "history": self.history,
            "continued_at": self.continued_at,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.student.load_state_dict(state["student"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]
        self.history = list(state["history"])
        self.continued_at = [*state["continued_at"], self.epochs_done]

    def _train_epoch(self, epoch: int) -> float:
        self._model.train()
        images = len(self._lesson.train)
        steps = steps_per_epoch(images, self._config)
        batches = epoch_batches(
            images, self._config, seed=self._seed, epoch=epoch, rank=self._rank, workers=self._workers
        )
        total = torch.zeros((), device=self._device)
        for step, batch in enumerate(batches):
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(self._config, epoch + step / steps)
            loss = self._loss(batch)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            total += loss.detach()
        mean = float(total) / steps
        if not math.isfinite(mean):
            raise StudentError(f"the loss is {mean} in epoch {epoch}: lower train.lr (now {self._config.lr}) or alpha")
        return mean

    def _loss(self, batch: Batch) -> Tensor:
        lesson = self._lesson
        images_BCHW = apply_views(
            lesson.train.images_N3SS[batch.rows_B].to(self._device), batch.views, size=self._image_size
        )
        targets_BQ, mask_BQ = None, None
        if lesson.aspect_targets_NQ is not None:
            targets_BQ = lesson.aspect_targets_NQ[batch.rows_B].to(self._device)
            # The teacher saw the image unflipped: "facing left" must not be taught with a mirrored picture.
            wrong_BQ = batch.views.flipped_B[:, None] & lesson.orientation_sensitive_Q
            # nan: the teacher could not be asked.
            mask_BQ = (~wrong_BQ).to(self._device) & targets_BQ.isfinite()
            mask_BQ, targets_BQ = mask_BQ.to(targets_BQ.dtype), targets_BQ.nan_to_num()
        class_logits_BC, aspect_logits_BQ = self._model(images_BCHW)
        return hybrid_loss(
            class_logits_BC,
            aspect_logits_BQ,
            lesson.train.labels_N[batch.rows_B].to(self._device),
            aspect_targets_BQ=targets_BQ,
            aspect_mask_BQ=mask_BQ,
            alpha=self._config.alpha,
        )

    def _validate(self) -> float:
        class_logits_NC, _ = predict(self.student, self._lesson.val.images_N3SS)
        return float((class_logits_NC.argmax(dim=1) == self._lesson.val.labels_N).double().mean())


@torch.no_grad()
def predict(student: Student, images_N3SS: UInt8[Tensor, "N 3 S S"]) -> tuple[Tensor, Tensor]:
    """Class logits [N, C] and aspect logits [N, Q] of decoded images, on the CPU, in evaluation mode."""
    was_training = student.training
    student.eval()
    device = next(student.parameters()).device
    outputs = [student(images.to(device).float() / 255) for images in images_N3SS.split(EVAL_BATCH)]
    student.train(was_training)
    class_logits_NC = torch.cat([classes for classes, _ in outputs]).float().cpu()
    aspect_logits_NQ = torch.cat([aspects for _, aspects in outputs]).float().cpu()
    return class_logits_NC, aspect_logits_NQ
