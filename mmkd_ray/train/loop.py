"""Training one student, an epoch at a time: plain PyTorch, with or without DDP around the model."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn.functional import one_hot

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.feed.look import Look
from mmkd_ray.data.feed.order import Batch, epoch_batches, steps_per_epoch
from mmkd_ray.data.feed.seeing import Viewer
from mmkd_ray.errors import StudentError
from mmkd_ray.students.losses import hybrid_loss
from mmkd_ray.students.model import Student
from mmkd_ray.students.targets.labels import Seen
from mmkd_ray.students.targets.training_set import TrainingSet
from mmkd_ray.tasks import Task
from mmkd_ray.train.recipe import learning_rate, make_optimizer

DIVERGED = 100
"""A mean loss more than this many times the first epoch's counts as diverged."""

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Prepared:
    """One step's images and targets, on the student's device."""

    images_BCHW: Float[Tensor, "B 3 H W"]
    labels_B: Int64[Tensor, " B"] | Float[Tensor, "B C"]
    """The classes; their shares where images are mixed."""
    aspect_targets_BQ: Float[Tensor, "B Q"] | None
    class_targets_BC: Float[Tensor, "B C"] | None
    weight: float = 1.0
    """Of the loss; see `Batch`."""


class StudentTrainer:
    """The state of one training: model, optimiser, best weights so far, history.

    All randomness is drawn from (seed, epoch), so a training that is continued from `state_dict`, taken between any two
    steps, ends with the same weights as an unbroken one.
    """

    def __init__(
        self,
        model: nn.Module,
        student: Student,
        training_set: TrainingSet,
        config: TrainConfig,
        *,
        task: Task,
        image_size: int,
        seed: int,
        rank: int = 0,
        workers: int = 1,
    ) -> None:
        """Take a student and, where it is trained by several workers, `model`: the student wrapped in DDP."""
        self.student = student
        self._model, self._training_set, self._config = model, training_set, config
        self._task, self._image_size, self._seed, self._rank = task, image_size, seed, rank
        self.workers = workers
        """Workers that train it together."""
        self._device = next(student.parameters()).device
        colour = tuple(round(255 * value) for value in student.mean.flatten().tolist())
        self._viewer = Viewer(training_set.train, Look(config, image_size, colour), self._device)
        self._optimizer = make_optimizer(student, config)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=config.precision == "float16")
        self._ema = ModelEmaV3(student, decay=config.ema_decay, use_warmup=True) if config.ema_decay else None
        self._steps = 0
        self._begun: dict[str, Any] = {}
        """Of an epoch that is not finished: its `step`s and `seconds` so far, and the sum of their losses (`total`)."""
        weights_Q = training_set.aspect_weights_Q
        self._aspect_weights_Q = None if weights_Q is None else weights_Q.to(self._device)
        training_set.classes.to(self._device)
        self._best: dict[str, Any] = {"value": task.primary.worst, "epoch": -1, "weights": {}}
        self.history: list[dict[str, float]] = []
        self.continued_at: list[int] = []
        """Epochs at which the training was continued from a checkpoint."""

    @property
    def epochs_done(self) -> int:
        """Finished epochs."""
        return len(self.history)

    def run_epoch(self, after_step: Callable[[], None] = lambda: None) -> dict[str, float]:
        """Train for one epoch, or for the rest of one, validate, and keep the weights if none were better.

        Args:
            after_step: called after each step but the last; `state_dict` may be taken there.

        Returns:
            `epoch`, `loss` (mean, nats), `lr` at its end, `val_` and the name of the task's primary metric,
            `seconds`.

        Raises:
            StudentError: the loss is not finite, or is more than `DIVERGED` times that of the first epoch.
        """
        epoch = self.epochs_done
        started = time.perf_counter() - self._begun.get("seconds", 0.0)
        if self._begun:
            _set_generators(self._begun["random"])
        else:
            torch.manual_seed(self._seed * 1_000_003 + epoch)  # dropout and the like
        loss = self._train_epoch(epoch, started, after_step)
        metric, value = self._task.primary, self._validate()
        if not metric.is_better(self._best["value"], than=value):  # of equal ones, the last
            self._best = {"value": value, "epoch": epoch, "weights": copy.deepcopy(self._kept.state_dict())}
        self.history.append(
            {
                "epoch": epoch,
                "loss": loss,
                "lr": self._optimizer.param_groups[0]["lr"],
                metric.val_key: value,
                "seconds": time.perf_counter() - started,
            }
        )
        return self.history[-1]

    def agree(self) -> None:
        """Before `state_dict` in the middle of an epoch: the worker that is asked for it must know the loss of all."""
        if self.workers > 1:
            torch.distributed.all_reduce(self._begun["total"], op=torch.distributed.ReduceOp.AVG)

    def best_student(self) -> tuple[Student, int]:
        """The student with the weights that were best on the validation split, and their epoch."""
        self.student.load_state_dict(self._best["weights"])
        return self.student.eval(), self._best["epoch"]

    @property
    def _kept(self) -> Student:
        """The student that is validated and kept: the one that is trained, or the moving average of its weights."""
        return self.student if self._ema is None else self._ema.module

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue."""
        random = {"random": _generators()} if self._begun else {}
        return {
            "begun": self._begun | random,
            "student": self.student.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "ema": None if self._ema is None else self._ema.state_dict(),
            "steps": self._steps,
            "best": self._best,
            "history": self.history,
            "continued_at": self.continued_at,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.student.load_state_dict(state["student"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self._steps = state["steps"]
        if self._ema is not None:
            self._ema.load_state_dict(state["ema"])
        self._best, self._begun = state["best"], state["begun"]
        self.history = list(state["history"])
        self.continued_at = [*state["continued_at"], self.epochs_done]

    def _train_epoch(self, epoch: int, started: float, after_step: Callable[[], None]) -> float:
        self._model.train()
        images = len(self._training_set.train)
        steps, start = steps_per_epoch(images, self._config), self._begun.get("step", 0)
        batches = epoch_batches(
            images,
            self._config,
            seed=self._seed,
            epoch=epoch,
            rank=self._rank,
            workers=self.workers,
            start=start,
            ratios_N=self._training_set.train.ratios_N,
        )
        total = self._begun.get("total", torch.zeros(())).to(self._device)
        for step, batch in enumerate(self._viewer.ahead(batches, self._prepared), start):
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(self._config, epoch + step / steps)
            total += self.step(batch)
            if step + 1 < steps:
                self._begun = {"step": step + 1, "total": total, "seconds": time.perf_counter() - started}
                after_step()
        self._begun = {}
        if self.workers > 1:
            # All of them must come to the same decision, or one would wait for the others for ever.
            torch.distributed.all_reduce(total, op=torch.distributed.ReduceOp.AVG)
        mean = float(total) / steps
        self._check(mean, epoch)
        return mean

    def _validate(self) -> float:
        """The primary metric of the student that is kept; with several workers, of worker 0's, each on its share."""
        val = self._training_set.val
        if self.workers > 1:
            for buffer in self._kept.buffers():  # on CPUs each has running statistics of its own
                torch.distributed.broadcast(buffer, 0)
            val = val.subset(range(self._rank, len(val), self.workers))
        return self._task.validate(self._kept, val, self._total)

    def _total(self, counts: Tensor) -> Tensor:
        """The sum of every worker's."""
        counts = counts.to(self._device)
        if self.workers > 1:
            torch.distributed.all_reduce(counts)
        return counts

    def _check(self, loss: float, epoch: int) -> None:
        advice = f"lower train.lr (now {self._config.lr:g}) or train.alpha, or set train.clip_grad_norm"
        if not math.isfinite(loss):
            raise StudentError(f"the loss is {loss} in epoch {epoch}: {advice}")
        if self.history and loss > DIVERGED * max(self.history[0]["loss"], 1.0):
            first = self.history[0]["loss"]
            raise StudentError(f"the loss has grown from {first:.3g} to {loss:.3g} by epoch {epoch}: {advice}")

    def prepare(self, batch: Batch) -> Prepared:
        """What a step on (this worker's share of) a batch needs, on the device."""
        return self._prepared(batch, self._viewer.see(batch))

    def _prepared(self, batch: Batch, images_BCHW: Float[Tensor, "B 3 H W"]) -> Prepared:
        training_set, rows_B = self._training_set, batch.rows_B
        targets_BQ, labels_B = None, training_set.train.labels_N[rows_B]
        if training_set.aspect_targets_NQ is not None and training_set.mirrored_targets_NQ is not None:
            targets_BQ = torch.where(
                batch.views.flipped_B[:, None],
                training_set.mirrored_targets_NQ[rows_B],
                training_set.aspect_targets_NQ[rows_B],
            )
        if batch.mix is not None:
            labels_B = one_hot(labels_B, self.student.classes).float()
        return Prepared(
            images_BCHW=images_BCHW,
            labels_B=self._taught(batch, labels_B),
            aspect_targets_BQ=None if targets_BQ is None else self._taught(batch, targets_BQ),
            class_targets_BC=None
            if (rows_BC := training_set.classes.rows(rows_B)) is None
            else self._taught(batch, rows_BC),
            weight=batch.weight,
        )

    def _taught(self, batch: Batch, values: Tensor) -> Tensor:
        """What is taught of a batch, mixed as its images are, on the device."""
        return (values if batch.mix is None else batch.mix.targets(values, size=self._image_size)).to(self._device)

    def step(self, batch: Prepared) -> Tensor:
        """One step of the optimiser; its loss, detached."""
        loss = batch.weight * self._loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self._config.clip_grad_norm:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self.student.parameters(), self._config.clip_grad_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._steps += 1
        if self._ema is not None:
            self._ema.update(self.student, self._steps)
        return loss.detach()

    def _loss(self, batch: Prepared) -> Tensor:
        classes = self._training_set.classes
        class_logits_BC, aspect_logits_BQ = self._forward(self._model, batch.images_BCHW)
        loss = hybrid_loss(
            class_logits_BC,
            aspect_logits_BQ,
            batch.labels_B,
            aspect_targets_BQ=batch.aspect_targets_BQ,
            aspect_weights_Q=self._aspect_weights_Q,
            alpha=self._config.alpha,
            label_smoothing=classes.label_smoothing,
        )
        seen = Seen(batch.images_BCHW, batch.labels_B, batch.class_targets_BC, self._forward)
        return loss + classes.term(class_logits_BC, seen)

    def _forward(self, model: Callable[[Tensor], tuple[Tensor, Tensor]], images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Class and aspect logits in float32, computed in the recipe's precision."""
        dtype = _DTYPES.get(self._config.precision)
        with torch.autocast(self._device.type, dtype=dtype, enabled=dtype is not None):
            class_logits_BC, aspect_logits_BQ = model(images_BCHW)
        return class_logits_BC.float(), aspect_logits_BQ.float()


def _generators() -> dict[str, Any]:
    """The state of torch's generators, from which dropout and the like are drawn."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def _set_generators(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    torch.cuda.set_rng_state_all(state["cuda"])
