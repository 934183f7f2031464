"""What does a search cost? The makespan of a grid against the ideal, and early stopping against the whole grid."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process
from mmkd_ray.benchmark.fieldguide_run import CLASSES, study, write_run
from mmkd_ray.benchmark.ratio import Ratio
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.cluster.connection import connect
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config, validate
from mmkd_ray.errors import StudentError
from mmkd_ray.tasks import task_of
from mmkd_ray.tune.opening import open_search
from mmkd_ray.tune.outcome import FAILED
from mmkd_ray.tune.stage import TRIALS, run_search

_SPACE = {"train.alpha": {"choice": [1, 4, 10, 40]}, "train.lr": {"choice": [0.0005, 0.002, 0.008]}}
"""12 points."""
_PER_CLASS = {"train": 15, "val": 20}
_QUICK_EPOCHS, _FULL_EPOCHS = 27, 81
"""Powers of 3, as the rungs are."""


@dataclass(frozen=True)
class Searched:
    """What a search took and found."""

    wall_s: float
    """From its begin to its table, the cluster being up."""
    trials_s: float
    """The trials' own time of training and validation, added."""
    epochs: int
    best: float
    """Highest validation accuracy, in [0, 1]."""


def benchmark_tune(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `tune.json` and `tune.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: shorter trials and two rounds: at most 6 minutes on two cores.
        say: called with each result as it comes.
    """
    prepare_process(offline=True)
    concurrency = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="mmkd-benchmark-") as temporary:
        bench = Bench(quick, Path(temporary), say)
        config = search_config(bench.folder, _QUICK_EPOCHS if quick else _FULL_EPOCHS, concurrency)
        write_run(config)
        grids, ashas = in_own_process(search_both, config, 2 if quick else 3)
    ratios = _ratios(bench, config, grids, ashas)
    return write_results(output, "tune", ratios=ratios, measurements=bench.measurements, notes=_notes(config))


def search_config(folder: Path, epochs: int, concurrency: int) -> Config:
    """The search of the benchmark: 12 points of alpha and learning rate."""
    return study(
        folder,
        "search",
        per_class=_PER_CLASS,
        train={"epochs": epochs},
        tune={"search": "grid", "space": _SPACE, "asha": False, "concurrency": concurrency},
    )


def search_both(config: Config, rounds: int) -> tuple[list[Searched], list[Searched]]:
    """The whole grid, and the same points with ASHA, in turns on one private cluster; a round has its seed."""
    prepare_process(offline=True)
    run = open_run(config.storage.path, config.name)

    def search(seed: int, *, asha: bool) -> Searched:
        tree = config.model_dump(mode="json")
        tree["tune"] |= {"asha": asha, "seeds": [seed]}
        return _search(validate(tree), run)

    with connect(config.cluster):
        found = alternate(rounds, {"grid": partial(search, asha=False), "asha": partial(search, asha=True)})
    return found["grid"], found["asha"]


def _search(config: Config, run: Run) -> Searched:
    started = time.perf_counter()
    run_search(open_search(config, run), lambda *_: None)
    wall_s = time.perf_counter() - started
    trials, metric = run.tune.read_table(TRIALS).to_pylist(), task_of(config).primary
    run.tune.delete()
    if failed := [row["reason"] for row in trials if row["status"] == FAILED]:
        raise StudentError(f"{len(failed)} trials of the benchmark's search failed; the first: {failed[0]}")
    return Searched(
        wall_s=wall_s,
        trials_s=sum(row["seconds"] for row in trials),
        epochs=sum(row["epochs"] for row in trials),
        best=metric.best(row[metric.val_key] for row in trials),
    )


def _ratios(bench: Bench, config: Config, grids: list[Searched], ashas: list[Searched]) -> list[Ratio]:
    concurrency = config.tune.concurrency or 1
    for name, searches in {"grid": grids, "ASHA": ashas}.items():
        bench.add(f"{name}: makespan of 12 trials", [search.wall_s for search in searches], "s")
        bench.add(f"{name}: trials' own time, added", [search.trials_s for search in searches], "s")
        bench.add(f"{name}: epochs of all trials", [search.epochs for search in searches], "epochs")
        bench.add(f"{name}: best validation accuracy", [search.best for search in searches], "of the images")
    pairs = list(zip(grids, ashas, strict=True))
    best = sum(grid.best for grid in grids) / len(grids)
    images = CLASSES * _PER_CLASS["val"]
    ratios = [
        Ratio("makespan_over_ideal", {"grid": _over_ideal(grids, concurrency)}, 1.25, lower_is_better=True),
        Ratio("asha_makespan_over_ideal", {"ASHA": _over_ideal(ashas, concurrency)}, lower_is_better=True),
        Ratio("asha_epoch_share", {"ASHA": [a.epochs / g.epochs for g, a in pairs]}, 0.5, lower_is_better=True),
        # An accuracy lies between 0 and 1, so their difference is compared on a scale that begins at -1.
        Ratio("asha_best_less_grid_best", {"ASHA": [a.best - g.best for g, a in pairs]}, zero=-1),
    ]
    for ratio in ratios:
        bench.add(f"`{ratio.name}`, round by round", ratio.rounds, "(ratio)")
    bench.add("standard error of one accuracy", [(best * (1 - best) / images) ** 0.5], "of the images")
    return ratios


def _over_ideal(searches: list[Searched], concurrency: int) -> list[float]:
    return [search.wall_s * concurrency / search.trials_s for search in searches]


def _notes(config: Config) -> list[str]:
    notes = {
        "makespan_over_ideal": f"wall time of a grid of 12 trials of {config.train.epochs} epochs, "
        f"{config.tune.concurrency} at a time, without early stopping, the cluster being up, over (sum of the trials' "
        "own seconds of training and validation / trials at a time)",
        "asha_makespan_over_ideal": "the same of the search with early stopping",
        "asha_epoch_share": "epochs of the same 12 points with ASHA over those of the whole grid",
        "asha_best_less_grid_best": "best validation accuracy with ASHA less that of the whole grid, of "
        f"{CLASSES * _PER_CLASS['val']} images: a trial is the same in both as far as it is trained, so they differ "
        "only where ASHA has stopped what would have won",
    }
    return [f"`{key}`: {meaning}." for key, meaning in notes.items()]
