"""What do a million images with fifty questions cost beside the asking? Plan, merge, table, verify: no inference.

The answers are written as files, a batch of images each, as the engines of an extraction leave them.
"""

from __future__ import annotations

import hashlib
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from mmkd_ray import schema
from mmkd_ray.answers.compacting import compact
from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.reading import overview
from mmkd_ray.answers.store import AnswerStore, answers_metadata
from mmkd_ray.answers.verify import verify
from mmkd_ray.answers.wanted import wanted_cells
from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.benchmark.bench import Bench, in_own_process
from mmkd_ray.benchmark.ratio import Ratio
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.config import Config, validate
from mmkd_ray.data.reading import MAX_PART_ROWS
from mmkd_ray.data.table import settings_identity, split_folders
from mmkd_ray.extract.plan import files_with, make_plan, only_todo
from mmkd_ray.extract.stage import ask_teacher
from mmkd_ray.identity import fingerprint

_IMAGES, _QUICK_IMAGES = 1_000_000, 100_000
_QUESTIONS, _BATCH = 50, 32
_FEWER = 10
"""The memory is compared with that of so many times fewer images."""
_STEPS = ("plan a resumed run", "merge the files of batches", "make and prove the teacher table", "verify it")


def benchmark_answers(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `answers.json` and `answers.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: a tenth of the images.
        say: called with each result as it comes.
    """
    many = _QUICK_IMAGES if quick else _IMAGES
    with tempfile.TemporaryDirectory(prefix="mmkd-benchmark-") as temporary:
        bench = Bench(quick, Path(temporary), say)
        few_peaks, _ = _measure(bench, many // _FEWER)
        many_peaks, seconds = _measure(bench, many)
    growth = {step: [many_peaks[step] / few_peaks[step]] for step in _STEPS}
    ratios = [
        Ratio("memory_growth", growth, goal=2, lower_is_better=True),
        Ratio("minutes", {"all steps": [sum(seconds.values()) / 60]}, goal=10, lower_is_better=True),
    ]
    return write_results(output, "answers", ratios=ratios, measurements=bench.measurements, notes=_notes(many))


def _measure(bench: Bench, images: int) -> tuple[dict[str, float], dict[str, float]]:
    """Peak memory and seconds of each step, by its name."""
    config = _config(bench, images)
    in_own_process(_write_images, config, images)
    # All but the last tenth of the batches are there when the run is resumed.
    in_own_process(_write_answers, config, 0, images * 9 // 10)
    peaks, seconds = {}, {}
    for step, function in zip(_STEPS, (_plan, _compact, _make_table, _verify), strict=True):
        if function is _compact:
            in_own_process(_write_answers, config, images * 9 // 10, images)
        took, peak = in_own_process(_timed, function, config)
        label = f"{images:,} images x {_QUESTIONS} questions: {step}"
        seconds[step] = bench.add(label, [took], "s")
        peaks[step] = bench.add(f"{label}, peak memory", [peak], "MiB")
    return peaks, seconds


def _timed(function: Callable[[Config, Run], None], config: Config) -> tuple[float, float]:
    started = time.monotonic()
    function(config, _run(config))
    return time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _plan(config: Config, run: Run) -> None:
    """What the driver does before it asks, and what the readers of the image table do while it asks."""
    wanted = wanted_cells(run, _queries())
    plan = make_plan(wanted, overview(_store(config, run), wanted).present_NQ)
    files = files_with(run, plan.todo)
    (folder,) = split_folders(run, ["train"])
    rows = sum(
        only_todo(block, plan.todo).num_rows
        for _, table in folder.read_tables((name for _, name in files), columns=["image_id", "sha256"])
        for block in _blocks(table)
    )
    assert rows == plan.images > 0, "a resumed run asks what is lacking"


def _blocks(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, _BATCH) for start in range(0, table.num_rows, _BATCH))


def _compact(config: Config, run: Run) -> None:
    compact(_store(config, run))


def _make_table(config: Config, run: Run) -> None:
    """The whole stage: all is answered, so nothing is asked and no cluster is started."""
    record = ask_teacher(config, run, lambda *_: None)
    assert record["ledger"]["missing"] == record["asked_again"] == 0, "each cell is there once"


def _verify(_config: Config, run: Run) -> None:
    verify(run)


def _config(bench: Bench, images: int) -> Config:
    place = bench.folder / "questions.yaml"
    place.write_text(yaml.safe_dump([query.question for query in _queries()]), encoding="utf-8")
    return validate(
        {
            "name": f"images-{images}",
            "data": {"source": "fieldguide"},
            "aspects": {"source": "file", "path": str(place)},
            "teacher": {"kind": "no_inference"},
            "study": {"arms": ["ce", "makd"]},
            # Each number of images has a storage path, and so a store, of its own.
            "storage": {"path": str(bench.folder / str(images))},
        }
    )


def _run(config: Config) -> Run:
    return open_run(config.storage.path, config.name)


def _store(config: Config, run: Run) -> AnswerStore:
    return AnswerStore(run, teacher_identity(config.teacher))


def _queries() -> tuple[Query, ...]:
    return tuple(Query(f"Does the bird have mark number {number}?") for number in range(_QUESTIONS))


def _image(number: int) -> tuple[str, str]:
    """Id and content hash."""
    return f"train/{number:08}.png", hashlib.sha256(number.to_bytes(8, "big")).hexdigest()


def _write_images(config: Config, count: int) -> None:
    """An image table in files of the usual number of rows; the images themselves are of no matter here."""
    run = _run(config)
    images = run.refer_to_images("benchmark")
    folder = Path(images.path, "table", "train")
    folder.mkdir(parents=True)
    for start in range(0, count, MAX_PART_ROWS):
        rows = [_image(number) for number in range(start, min(start + MAX_PART_ROWS, count))]
        columns = {
            "image_id": [image_id for image_id, _ in rows],
            "image": [b"-"] * len(rows),
            "sha256": [sha256 for _, sha256 in rows],
            "label": [0] * len(rows),
            "class_name": ["bird"] * len(rows),
            "split": ["train"] * len(rows),
        }
        pq.write_table(pa.table(columns, schema=schema.IMAGES), folder / f"part-{start // MAX_PART_ROWS:05d}.parquet")
    facts = {"images": {"train": count}, "class_names": ["bird"], "quarantined": 0}
    images.finish("benchmark", settings=settings_identity(config), digest=fingerprint(images=count), **facts)


def _write_answers(config: Config, start: int, end: int) -> None:
    """The files of batches; written at once, because to wait for the disk each time is not what is measured."""
    store, rng = _store(config, _run(config)), np.random.default_rng(start)
    store.begin()
    arrow_schema = schema.teacher(_QUESTIONS).with_metadata(answers_metadata(store.teacher, _queries()))
    for first in range(start, end, _BATCH):
        rows = [_image(number) for number in range(first, min(first + _BATCH, end))]
        ids, shas = [image_id for image_id, _ in rows], [sha256 for _, sha256 in rows]
        p_NQ = rng.uniform(0.01, 0.99, (len(rows), _QUESTIONS)).astype(np.float32)
        columns = {
            "image_id": ids,
            "sha256": shas,
            "log_p_yes": schema.fixed_size_rows(np.log(p_NQ)),
            "log_p_no": schema.fixed_size_rows(np.log1p(-p_NQ)),
        }
        place = f"{store.folder.path}/{store.name(ids, shas, _queries())}"
        pq.write_table(pa.table(columns, schema=arrow_schema), place, compression="zstd")


def _notes(images: int) -> list[str]:
    growth = (
        f"`memory_growth`: peak memory of a step, {images:,} images over {images // _FEWER:,}, the largest of all; "
        "each is a process of its own, Python and its libraries included."
    )
    resumed = (
        f"A resumed run: {images * 9 // 10 // _BATCH:,} files of {_BATCH} images are there, a tenth of the images is "
        "to be asked; each block of a batch is looked up in the to-do list. In the other steps all answers are there."
    )
    return [growth, f"`minutes`: all steps for {images:,} images.", resumed, "No cluster is started in any step."]
