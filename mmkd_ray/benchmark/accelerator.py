"""How much of a bare model's speed on an accelerator is left in our training: bf16, channels last, `torch.compile`.

No accelerator was at hand where this was written: it has run on a CPU only, without compilation.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process
from mmkd_ray.config import StudentConfig, TrainConfig
from mmkd_ray.data.feed.order import epoch_batches
from mmkd_ray.data.feed.pixels import Pixels
from mmkd_ray.data.feed.prefetch import prefetched
from mmkd_ray.students.model import build_student
from mmkd_ray.students.targets.training_set import TrainingSet
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer
from mmkd_ray.train.recipe import make_optimizer

_MODELS = {"resnet18": "gpu_resnet18_over_synthetic", "efficientnet_b0": "gpu_efficientnet_b0_over_synthetic"}
_CLASSES, _ASPECTS = 200, 100
"""As CUB-200 with the paper's hundred questions."""

RATIOS = {
    ratio: f"our training step of {model} at 224 px on an accelerator (images from memory, views, targets), over the "
    "bare model on one synthetic batch that lies there, both in bf16, channels last, compiled; measured where there is "
    "an accelerator"
    for model, ratio in _MODELS.items()
}


@dataclass(frozen=True)
class Setting:
    """What is measured where."""

    device: str = "cuda"
    compiled: bool = True
    image_size: int = 224
    batch_size: int = 256
    images: int = 1024
    warm_up: int = 10
    steps: int = 30
    """Of one repetition."""


def present() -> bool:
    """Whether there is an accelerator."""
    return torch.cuda.is_available()


def measure(bench: Bench) -> dict[str, list[float]]:
    """The rounds of each ratio."""
    ratios = {}
    for model, ratio in _MODELS.items():
        pairs = in_own_process(throughput, model, bench.rounds, Setting())
        bench.add(f"{model}, 224 px, accelerator: ours", [ours for ours, _ in pairs], "samples/s")
        bench.add(
            f"{model}, 224 px, accelerator: bare model, synthetic batch", [bare for _, bare in pairs], "samples/s"
        )
        ratios[ratio] = [a / b for a, b in pairs]
        bench.add(f"{model}: `{ratio}`, round by round", ratios[ratio], "(ratio)")
    return ratios


def throughput(model: str, rounds: int, setting: Setting) -> list[tuple[float, float]]:
    """Samples a second of our step and of the bare model's, alternating."""
    config = TrainConfig(batch_size=setting.batch_size, optimizer="sgd", lr=0.01, precision="bfloat16")
    ours, bare = _our_step(model, config, setting), _bare_step(model, config, setting)
    _run(ours, setting.warm_up, setting)
    _run(bare, setting.warm_up, setting)
    rates = alternate(
        rounds,
        {"ours": lambda _: _run(ours, setting.steps, setting), "bare": lambda _: _run(bare, setting.steps, setting)},
    )
    return list(zip(rates["ours"], rates["bare"], strict=True))


def _our_step(model: str, config: TrainConfig, setting: Setting) -> Callable[[], None]:
    torch.manual_seed(0)
    size, count = setting.image_size, setting.images
    student = build_student(StudentConfig(model=model, image_size=size), classes=_CLASSES, aspects=_ASPECTS)
    student.to(setting.device)
    if setting.compiled:
        student.compile()
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8)
    pixels = Pixels([str(row) for row in range(count)], ["train"] * count, torch.arange(count) % _CLASSES, images)
    targets_NQ = torch.rand(count, _ASPECTS)
    trainer = StudentTrainer(
        student,
        student,
        TrainingSet(pixels, pixels.subset([0]), targets_NQ, targets_NQ, torch.ones(_ASPECTS)),
        config,
        task=CLASSIFY,
        image_size=size,
        seed=0,
    )
    batches = itertools.chain.from_iterable(epoch_batches(count, config, seed=0, epoch=e) for e in itertools.count())
    prepared = prefetched(batches, trainer.prepare)

    def step() -> None:
        trainer.step(next(prepared))

    return step


def _bare_step(model: str, config: TrainConfig, setting: Setting) -> Callable[[], None]:
    torch.manual_seed(0)
    size, batch, device = setting.image_size, setting.batch_size, setting.device
    made = timm.create_model(model, num_classes=_CLASSES + _ASPECTS)
    made = made.to(device).to(memory_format=torch.channels_last).train()  # pyrefly: ignore (torch documents it)
    if setting.compiled:
        made.compile()
    optimizer = make_optimizer(made, config)
    images = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, _CLASSES, (batch,), device=device)
    targets = torch.rand(batch, _ASPECTS, device=device)

    def step() -> None:
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = made(images)
        logits = logits.float()
        loss = cross_entropy(logits[:, :_CLASSES], labels)
        loss = loss + config.alpha * binary_cross_entropy_with_logits(logits[:, _CLASSES:], targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def _run(step: Callable[[], None], steps: int, setting: Setting) -> float:
    """Samples a second over so many steps, the device's queue empty before and after."""
    _wait(setting)
    started = time.perf_counter()
    for _ in range(steps):
        step()
    _wait(setting)
    return steps * setting.batch_size / (time.perf_counter() - started)


def _wait(setting: Setting) -> None:
    if setting.device == "cuda":
        torch.cuda.synchronize()
