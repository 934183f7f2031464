"""What do measurements under corruptions cost, on one core and on all, and once they are done? Against a plain loop."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmkd_ray.artifacts import open_run
from mmkd_ray.benchmark import plain_corruptions
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process, own_folder
from mmkd_ray.benchmark.fieldguide_run import CLASSES, study, train_students, write_run
from mmkd_ray.benchmark.ratio import Ratio, over
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.cluster.connection import connect
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config, to_yaml, validate
from mmkd_ray.evaluate.pieces import study_pieces
from mmkd_ray.evaluate.predict import predict_study
from mmkd_ray.evaluate.probes import CLEAN

_PER_CLASS, _QUICK_PER_CLASS = 21, 6
"""Test images of a species: 504 or 144 in all."""
_FEW_PER_CLASS, _MORE = 11, 5
"""Test images of a species where the peak memory is measured (fewer would not fill a batch), and how many times as
many."""
_LOOP, _ONE, _ALL = "plain loop", "one core", "all cores"
_WATCHED = ("clean", "brightness")
"""The probes whose peak memory is measured: the cheapest, since all make their images batch by batch."""


def benchmark_evaluate(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `evaluate.json` and `evaluate.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: fewer images, three rounds in place of five: at most 6 minutes on two cores.
        say: called with each result as it comes.
    """
    prepare_process(offline=True)
    per_class = _QUICK_PER_CLASS if quick else _PER_CLASS
    with own_folder(say, quick=quick) as bench:
        rates = _rates(bench, per_class)
        seconds = _rerun_seconds(bench, per_class)
        growth = _memory_growth(bench)
    claimed = ratios(rates, seconds, growth)
    return write_results(
        output, "evaluate", ratios=claimed, measurements=bench.measurements, notes=_notes(CLASSES * per_class)
    )


def ratios(rates: dict[str, list[float]], rerun_seconds: list[float], growth: list[float]) -> list[Ratio]:
    """What is claimed.

    Args:
        rates: images a second of each contender, round by round.
        rerun_seconds: of each rerun.
        growth: of the peak memory, round by round.
    """
    return [
        Ratio("corruptions_over_plain", {"75 x test": over(rates[_ALL], rates[_LOOP])}, 1.0),
        Ratio("two_workers_over_one", {"75 x test": over(rates[_ALL], rates[_ONE])}, 1.6),
        Ratio("rerun_seconds", {"6 students": rerun_seconds}, 5, lower_is_better=True),
        Ratio("memory_growth", {"5 x the images": growth}, 1.1, lower_is_better=True),
    ]


def _rates(bench: Bench, per_class: int) -> dict[str, list[float]]:
    """Corrupted images a second of each contender, round by round; all of them have decoded images."""
    config = small_study(bench.folder, "one", per_class)
    images, bundle = in_own_process(prepare, config)
    cores = len(os.sched_getaffinity(0))
    contenders = {
        _LOOP: lambda _: in_own_process(plain_corruptions.predict_all, images, bundle, cores),
        _ONE: lambda _: in_own_process(_predict_corrupted, config, 1),
        _ALL: lambda _: in_own_process(_predict_corrupted, config, cores),
    }
    rates = alternate(bench.rounds, contenders)
    said = {
        _LOOP: f"a pool of {cores}",
        _ONE: "`mmkd evaluate`, one core",
        _ALL: f"`mmkd evaluate`, {cores} cores",
    }
    for name, values in rates.items():
        bench.add(f"75 x {CLASSES * per_class} images: {said[name]}", values, "images/s")
    return rates


def _rerun_seconds(bench: Bench, per_class: int) -> list[float]:
    """Seconds of the whole command where all predictions are there."""
    config = small_study(bench.folder, "six", per_class, arms=["ce", "makd"], seeds=[0, 1, 2])
    in_own_process(prepare, config)
    in_own_process(_predict_corrupted, config, len(os.sched_getaffinity(0)))
    file = bench.folder / "six.yaml"
    file.write_text(to_yaml(config))
    found = []
    for _ in range(bench.rounds):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mmkd_ray", "evaluate", str(file)], check=True, capture_output=True)  # noqa: S603
        found.append(time.perf_counter() - started)
    bench.add(f"rerun of a finished evaluation of 6 students, 76 x {CLASSES * per_class} predictions each", found, "s")
    return found


def _memory_growth(bench: Bench) -> list[float]:
    """Peak memory of one process with many test images over that with few."""
    peaks: dict[int, list[float]] = {}
    for count in (_FEW_PER_CLASS, _MORE * _FEW_PER_CLASS):
        config = small_study(bench.folder, f"memory-{count}", count)
        in_own_process(prepare, config)
        peaks[count] = [in_own_process(_peak, config) for _ in range(1 if bench.quick else 3)]
        bench.add(f"{CLASSES * count:,} test images: peak memory of a process", peaks[count], "MiB")
    few, many = peaks.values()
    return over(many, few)


def small_study(
    folder: Path, name: str, per_class: int, *, arms: list[str] | None = None, seeds: list[int] | None = None
) -> Config:
    """A run of the field guide with the quickstart's student, trained for an epoch, and all corruptions.

    Args:
        folder: the run goes into it.
        name: of the run.
        per_class: test images of each species.
        arms: of the study; `makd` if None.
        seeds: likewise; 0 if None.
    """
    return study(
        folder,
        name,
        per_class={"train": 2, "val": 2, "test": per_class},
        train={"epochs": 1},
        study={"arms": arms or ["makd"], "seeds": seeds or [0]},
        evaluate={"probes": ["corruptions"]},
    )


def prepare(config: Config) -> tuple[str, str]:
    """Images, answers, students and their clean predictions.

    Returns:
        A .npy file of the decoded test images, uint8 [N, S, S, 3], and the folder of the first student's bundle.
    """
    import torch  # noqa: PLC0415 (seconds)

    from mmkd_ray.data.feed.pixels import load_pixels  # noqa: PLC0415
    from mmkd_ray.evaluate.worker import predict_pieces  # noqa: PLC0415
    from mmkd_ray.students.model import evaluation_fit  # noqa: PLC0415

    run = write_run(config)
    train_students(config, run)
    pieces = study_pieces(config, run)
    for piece in pieces:
        if piece.probe == CLEAN.name:
            predict_pieces([piece], run, torch.device("cpu"))
    images_N3SS = load_pixels(run, ("test",), evaluation_fit(config)).images_M3SS.numpy()
    file = Path(config.storage.path, f"{config.name}.npy")
    np.save(file, np.ascontiguousarray(images_N3SS.transpose(0, 2, 3, 1)))
    return str(file), pieces[0].spec.folder(run).uri


def _predict_corrupted(config: Config, cores: int) -> float:
    """Corrupted images a second, all of them made anew."""
    prepare_process(offline=True)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    run = open_run(config.storage.path, config.name)
    to_do = [piece for piece in study_pieces(config, run) if piece.probe != CLEAN.name]
    for piece in to_do:
        piece.folder(run).delete()
    with connect(config.cluster):
        started = time.perf_counter()
        predict_study(config, run, lambda *_: None)
        seconds = time.perf_counter() - started
    return len(to_do) * run.require(run.images, "images")["images"]["test"] / seconds


def _peak(config: Config) -> float:
    """MiB of this process at most: it makes predictions as a worker does, and measures them as the driver does."""
    import torch  # noqa: PLC0415 (seconds)

    from mmkd_ray.evaluate.stage import evaluate_study  # noqa: PLC0415
    from mmkd_ray.evaluate.worker import predict_pieces  # noqa: PLC0415

    run = open_run(config.storage.path, config.name)
    for piece in study_pieces(config, run):
        if piece.probe in _WATCHED:
            predict_pieces([piece], run, torch.device("cpu"))
    evaluate_study(validate({**config.model_dump(mode="json"), "evaluate": {}}), run)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _notes(images: int) -> list[str]:
    few = CLASSES * _FEW_PER_CLASS
    notes = {
        "corruptions_over_plain": "corrupted images a second of `mmkd evaluate` on all cores over those of a pool of "
        "as many processes with the same student, corruptions and decoded images, which keeps its logits in memory and "
        "writes nothing; the start of the workers is in both, that of Ray (about 5 s) is left out",
        "two_workers_over_one": "the same on two cores over one (all of Ray on it, too)",
        "rerun_seconds": "`mmkd evaluate CONFIG` where all is done, from the start of Python to its end: every stored "
        f"prediction of 6 students (76 files of {images} images each) is read and measured again",
        "memory_growth": "peak resident memory, mapped images in it, of a process that predicts "
        f"({' and '.join(_WATCHED)}) and measures, with {_MORE * few:,} test images over one with {few:,}, which "
        "fill a batch",
    }
    return [f"`{key}`: {meaning}." for key, meaning in notes.items()]
