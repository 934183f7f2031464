"""How fast is training? Ours against a plain PyTorch loop and against `torchrun`, in one run, alternating."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmkd_ray.benchmark import accelerator, our_training, plain_training
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process
from mmkd_ray.benchmark.fieldguide_run import CLASSES, SMALL_STUDENT, study, write_run
from mmkd_ray.benchmark.ratio import Ratio
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config, validate

_LOADERS = (0, 1, 2)
"""Processes of the rival's DataLoader that are tried; the fastest is what ours is compared with."""
_WARM_UP = 1
"""Epochs that are left out."""


@dataclass(frozen=True)
class _Size:
    """How much is measured."""

    train_per_class: int
    """Of 24 species: 60 are 22 steps an epoch."""
    epochs: int
    rounds: int
    ddp_epochs: int
    ddp_rounds: int
    blocks: int
    """Of steps with and without aspects."""


_QUICK, _FULL = _Size(60, 4, 3, 5, 3, 6), _Size(120, 4, 9, 6, 7, 9)

_RESNET18 = {"model": "resnet18", "model_args": {}, "image_size": 64}


def benchmark_train(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `train.json` and `train.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: the small student alone and fewer repetitions: at most 6 minutes on two cores.
        say: called with each result as it comes.
    """
    prepare_process(offline=True)
    size = _QUICK if quick else _FULL
    students = {"small student": SMALL_STUDENT} if quick else {"small student": SMALL_STUDENT, "ResNet18": _RESNET18}
    with tempfile.TemporaryDirectory(prefix="mmkd-benchmark-") as temporary:
        bench = Bench(quick, Path(temporary), say)
        measured = {name: _compare(bench, size, name, student) for name, student in students.items()}
        on_gpus = accelerator.measure(bench) if accelerator.present() else {}
    ratios = _ratios(measured) + [
        Ratio(name, {"accelerator": on_gpus[name]} if name in on_gpus else {}) for name in accelerator.RATIOS
    ]
    return write_results(output, "train", ratios=ratios, measurements=bench.measurements, notes=_notes(ratios))


def _ratios(measured: Mapping[str, Mapping[str, list[float]]]) -> list[Ratio]:
    def rows(ratio: str) -> dict[str, list[float]]:
        return {student: rounds[ratio] for student, rounds in measured.items() if ratio in rounds}

    return [
        Ratio("step_over_plain", rows("step_over_plain"), 0.97),
        Ratio("ddp2_over_torchrun2", rows("ddp2_over_torchrun2"), 0.97),
        Ratio("data_wait_share", rows("data_wait_share"), 0.03, lower_is_better=True, zero=1),
        Ratio("aspect_overhead", rows("aspect_overhead"), 0.02, lower_is_better=True, zero=-1),
        Ratio("first_batch_over_plain", rows("first_batch_over_plain"), 1.2, lower_is_better=True),
        Ratio("step_over_plain_one_core", rows("one_core")),
        Ratio("ddp2_with_checkpoints_over_torchrun2", rows("ddp2_with_checkpoints")),
    ]


def _compare(bench: Bench, size: _Size, name: str, student: dict[str, Any]) -> dict[str, list[float]]:
    """The rounds of every ratio of one student."""
    config = study(bench.folder, name.replace(" ", "-"), per_class={"train": size.train_per_class}, student=student)
    write_run(config)
    training_set = in_own_process(our_training.export_lesson, config, str(bench.folder / f"{config.name}.pt"))
    spec = {**training_set, "epochs": size.epochs, "checkpoint": None, "core": None}
    numbers = _steps(bench, size, name, config, spec)
    if not bench.quick:
        numbers["one_core"] = _one_core(bench, size, name, config, spec)
    pairs = in_own_process(our_training.time_aspects, config, size.blocks)
    numbers["aspect_overhead"] = _paired(
        bench, f"{name}: step with aspects", f"{name}: step without", pairs, "s", more=-1, label="aspect_overhead"
    )
    if student is SMALL_STUDENT:
        numbers |= _two_workers(bench, size, name, config, spec)
    return numbers


def _steps(bench: Bench, size: _Size, name: str, config: Config, spec: dict[str, Any]) -> dict[str, list[float]]:
    """One process of one thread against one process of one thread (and the rival's loaders)."""
    batch = spec["batch_size"]
    loaders = _best_loaders(bench, f"{name}: plain loop", spec, lambda times: samples_per_s(times["ends"], batch), 1)
    rival = {**spec, "loaders": loaders}
    ours, plain = _in_turns(
        size.rounds,
        lambda _: in_own_process(our_training.time_steps, config, size.epochs, None),
        lambda _: _plain(bench, rival, ranks=1),
    )
    first = [(a["first_batch_s"], b["first_batch_s"]) for a, b in zip(ours, plain, strict=True)]
    rates = [
        (samples_per_s(a["ends"], batch), samples_per_s(b["ends"], batch)) for a, b in zip(ours, plain, strict=True)
    ]
    waits = [wait_share(run["begins"], run["ends"]) for run in ours]
    bench.add(f"{name}: data wait", waits, "of the step")
    label = f"{name}: plain loop, {loaders} loaders"
    return {
        "step_over_plain": _paired(bench, f"{name}: ours", label, rates, "samples/s", label="step_over_plain"),
        "data_wait_share": waits,
        "first_batch_over_plain": _paired(
            bench, f"{name}: ours, first batch", f"{label}, first batch", first, "s", label="first_batch_over_plain"
        ),
    }


def _one_core(bench: Bench, size: _Size, name: str, config: Config, spec: dict[str, Any]) -> list[float]:
    """The same with either bound to one core, as a lane has it when students fill a machine."""
    core, batch = min(os.sched_getaffinity(0)), spec["batch_size"]
    ours, plain = _in_turns(
        size.rounds,
        lambda _: in_own_process(our_training.time_steps, config, size.epochs, core),
        lambda _: _plain(bench, {**spec, "loaders": 0, "core": core}, ranks=1),
    )
    rates = [
        (samples_per_s(a["ends"], batch), samples_per_s(b["ends"], batch)) for a, b in zip(ours, plain, strict=True)
    ]
    one, other = f"{name}: ours, bound to one core", f"{name}: plain loop, bound to one core, 0 loaders"
    return _paired(bench, one, other, rates, "samples/s", label="step_over_plain_one_core")


def _two_workers(bench: Bench, size: _Size, name: str, config: Config, spec: dict[str, Any]) -> dict[str, list[float]]:
    """Two data-parallel workers of the real stage against two of `torchrun`."""
    if len(os.sched_getaffinity(0)) < 2:
        return {}
    spec = {**spec, "epochs": size.ddp_epochs, "checkpoint": str(bench.folder / "plain-checkpoint.pt")}
    # Full batches only, as both do.
    samples = CLASSES * size.train_per_class // spec["batch_size"] * spec["batch_size"]

    def rate(times: dict[str, Any]) -> float:
        return epoch_rate(times["epoch_s"], samples)

    loaders = _best_loaders(bench, f"{name}: torchrun of two", spec, rate, 2)
    rival = {**spec, "loaders": loaders}
    ours, plain = _in_turns(
        size.ddp_rounds,
        lambda number: in_own_process(our_training.time_two_workers, _with_two_workers(config, size, number)),
        lambda _: _plain(bench, rival, ranks=2),
    )
    label = f"{name}: torchrun of two, {loaders} loaders each"
    rates = [(rate(a), rate(b)) for a, b in zip(ours, plain, strict=True)]
    with_checkpoints = [
        (interval_rate(a["epoch_ends"], samples), interval_rate(b["epoch_ends"], samples))
        for a, b in zip(ours, plain, strict=True)
        if len(a["epoch_ends"]) == size.ddp_epochs
    ]
    numbers = {
        "ddp2_over_torchrun2": _paired(
            bench, f"{name}: ours, two workers", label, rates, "samples/s", label="ddp2_over_torchrun2"
        )
    }
    if with_checkpoints:
        numbers["ddp2_with_checkpoints"] = _paired(
            bench,
            f"{name}: ours, two workers, from checkpoint to checkpoint",
            f"{label}, from checkpoint to checkpoint",
            with_checkpoints,
            "samples/s",
            label="ddp2_with_checkpoints_over_torchrun2",
        )
    return numbers


def samples_per_s(ends: Sequence[Sequence[float]], batch_size: int) -> float:
    """Samples a second between the ends of the first and the last step of an epoch: the median epoch after warm-up.

    What lies between epochs (validation, and the start of a DataLoader's epoch, which only the rival has) is left out.
    """
    rates = [(len(epoch) - 1) * batch_size / (epoch[-1] - epoch[0]) for epoch in ends[_WARM_UP:]]
    return statistics.median(rates)


def wait_share(begins: Sequence[Sequence[float]], ends: Sequence[Sequence[float]]) -> float:
    """Share of the time of steps between the end of one and the begin of the next one's forward pass."""
    waited = total = 0.0
    for begin, end in zip(begins[_WARM_UP:], ends[_WARM_UP:], strict=True):
        waited += sum(now - before for before, now in zip(end, begin[1:], strict=False))
        total += end[-1] - end[0]
    return waited / total


def epoch_rate(epoch_s: Sequence[float], samples: int) -> float:
    """Samples a second of the median epoch after warm-up, from the seconds of each."""
    return samples / statistics.median(epoch_s[_WARM_UP:])


def interval_rate(epoch_ends: Sequence[float], samples: int) -> float:
    """Samples a second from the time between the ends of epochs; the first has no beginning, and is left out."""
    return samples / statistics.median(np.diff(epoch_ends).tolist())


def _in_turns(
    rounds: int, ours: Callable[[int], dict[str, Any]], plain: Callable[[int], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    results = alternate(rounds, {"ours": ours, "plain": plain})
    return results["ours"], results["plain"]


def _paired(
    bench: Bench, one: str, other: str, pairs: Sequence[tuple[float, float]], unit: str, *, label: str, more: int = 0
) -> list[float]:
    """Keep both sides and the ratio of each round (plus `more`)."""
    bench.add(one, [a for a, _ in pairs], unit)
    bench.add(other, [b for _, b in pairs], unit)
    student, rounds = one.partition(":")[0], [a / b + more for a, b in pairs]
    bench.add(f"{student}: `{label}`, round by round", rounds, "(ratio)")
    return rounds


def _best_loaders(
    bench: Bench, name: str, spec: dict[str, Any], rate: Callable[[dict[str, Any]], float], ranks: int
) -> int:
    """How many loaders make the rival fastest; a short trial of each number."""
    rates = {}
    for loaders in _LOADERS:
        times = _plain(bench, {**spec, "epochs": _WARM_UP + 2, "loaders": loaders}, ranks=ranks)
        rates[loaders] = bench.add(f"{name}, {loaders} loaders, trial", [rate(times)], "samples/s")
    return max(rates, key=rates.__getitem__)


def _plain(bench: Bench, spec: dict[str, Any], *, ranks: int) -> dict[str, Any]:
    """Run the rival's script."""
    place, output = bench.folder / "plain.json", bench.folder / "plain-times.json"
    place.write_text(json.dumps({**spec, "output": str(output)}), encoding="utf-8")
    command = [sys.executable, str(plain_training.__file__), str(place)]
    if ranks > 1:
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
        command = [sys.executable, *torchrun, *command[1:]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own script)
    if ended.returncode:
        raise RuntimeError(f"the plain training failed: {ended.stderr[-2000:]}")
    return json.loads(output.read_text(encoding="utf-8"))


def _with_two_workers(config: Config, size: _Size, seed: int) -> Config:
    """The study on two workers; another seed a round, because what is trained is not trained again."""
    tree = config.model_dump(mode="json")
    tree["train"] |= {"epochs": size.ddp_epochs}
    tree["study"] |= {"seeds": [seed]}
    tree["cluster"] |= {"train_workers": 2, "lanes": 1}
    return validate(tree)


_NOTES = {
    "step_over_plain": "samples/s of our training step over those of a plain PyTorch loop "
    "(`torchvision.transforms.v2` in a Dataset, a DataLoader with the best of 0, 1 and 2 processes beside it, the same "
    "model, batch, optimiser and loss), one training process of one thread each, from the end of an epoch's first step "
    "to that of its last, the first epoch left out, in fresh processes alternating; the median round, the lowest of "
    "the students",
    "ddp2_over_torchrun2": "our stage with two Ray Train workers over `torchrun --nproc-per-node=2` of the plain loop "
    "(gloo, DistributedSampler, the best number of loaders), samples/s of the median epoch with its validation; "
    "start-up, the first epoch and the writing of checkpoints left out on either side",
    "data_wait_share": "share of our step in which the model has no batch: from the end of a step until the next "
    "one's forward pass begins; the highest of the students",
    "aspect_overhead": "a step with C + Q outputs and the aspect loss over one with C outputs and cross-entropy alone, "
    "less 1, a step of either in turn in one process; the highest of the students",
    "first_batch_over_plain": "from decoded images and targets in memory to the end of the first step, model built "
    "meanwhile, ours over plain; the highest of the students",
    "step_over_plain_one_core": "as `step_over_plain`, either side bound to one core: as it is when students fill the "
    "machine; measured without `--quick`",
    "ddp2_with_checkpoints_over_torchrun2": "as `ddp2_over_torchrun2`, from one epoch's checkpoint to the next one's, "
    "with all that Ray Train does between epochs; the plain loop writes its own with `torch.save`",
}  # fmt: skip


def _notes(ratios: Sequence[Ratio]) -> list[str]:
    return [f"`{ratio.name}`: {_NOTES.get(ratio.name) or accelerator.RATIOS[ratio.name]}." for ratio in ratios]
