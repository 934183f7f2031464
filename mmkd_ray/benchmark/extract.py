"""How fast is extraction? Ours against bare vLLM, against the paper's way, against `ray.data.llm`, in one run."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from mmkd_ray import schema
from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.verify import verify
from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.benchmark import rivals
from mmkd_ray.benchmark.bench import Bench, in_own_process
from mmkd_ray.benchmark.memory import peak_memory
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.benchmark.workloads import Workload, pictures, prefill_heavy, questions, small_teacher
from mmkd_ray.cluster.connection import connect
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config, VllmTeacher, validate
from mmkd_ray.data.table import settings_identity
from mmkd_ray.extract.cost import count_tokens
from mmkd_ray.extract.speed import read_speed
from mmkd_ray.extract.stage import ask_teacher
from mmkd_ray.identity import fingerprint

_BLOCK = 32
"""Tokens of a block of the prefix cache: only whole ones are shared."""
_IMAGES, _QUICK_IMAGES = (1_000, 20_000), (400, 8_000)
"""Few and many, for the memory."""
_GPU_IMAGES_PER_S = 20
"""A stated GPU: images a second at 50 questions (an 8 B model with 256 image tokens on a recent data-centre GPU is of
this order: about 1,500 tokens an image)."""


def benchmark_extract(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `extract.json` and `extract.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: one number of questions (50), fewer images, and not every rival on both workloads.
        say: called with each result as it comes.
    """
    prepare_process(offline=True)
    with tempfile.TemporaryDirectory(prefix="mmkd-benchmark-") as temporary:
        bench = Bench(quick, Path(temporary), say)
        small, heavy = small_teacher(quick=quick), prefill_heavy(bench.folder / "prefill-heavy", quick=quick)
        counts = (50,) if quick else (10, 50, 100)
        measured = {w.name: {q: _compare(bench, w, q) for q in counts} for w in (small, heavy)}
        ceiling = _ceiling(bench)
    everywhere = [numbers for by_count in measured.values() for numbers in by_count.values()]
    at_50 = [by_count[50] for by_count in measured.values()]
    ratios: dict[str, float | None] = {
        "pipeline_over_bare": min(numbers["one_core"] / numbers["bare"] for numbers in everywhere),
        "pipeline_over_hf_loop": measured[heavy.name][50]["pipeline"] / measured[heavy.name][50]["hf_loop"],
        "pipeline_over_ray_data_llm": min(n["pipeline"] / n["ray_data_llm"] for n in at_50 if "ray_data_llm" in n),
        "prefill_over_least": max(numbers["prefill"] for numbers in measured[heavy.name].values()),
        "engine_busy": min(numbers["busy"] for numbers in everywhere),
        "two_actors_over_one": min(numbers["pipeline"] / numbers["one_core"] for numbers in at_50),
        "rss_growth": ceiling["rss_growth"],
    }
    return write_results(output, "extract", ratios=ratios, measurements=bench.measurements, notes=_notes(ceiling))


def _compare(bench: Bench, workload: Workload, count: int) -> dict[str, float]:
    """All contenders on one workload with so many questions."""
    texts, label = questions(count), f"{workload.name}, Q = {count}"
    cores = len(os.sched_getaffinity(0))
    images = pictures(workload.images * cores)
    teacher = _config(bench, workload, texts, actors=1).teacher
    assert isinstance(teacher, VllmTeacher)
    extract = _config(bench, workload, texts, actors=1).extract
    alone = images[: workload.images]
    numbers: dict[str, float] = {}
    numbers["bare"] = bench.add(
        f"{label}: bare `LLM.generate`, one core",
        in_own_process(rivals.bare_vllm, teacher, extract, alone, texts, bench.repetitions),
    )
    config = _config(bench, workload, texts, actors=1)
    run, speed = _pipeline(config, alone)
    numbers["one_core"] = bench.add(f"{label}: pipeline, one actor on one core", _rates(run, config, bench.repetitions))
    numbers["busy"] = bench.add(f"{label}: engine busy, one actor", [speed["engine_busy"]], "of the time")
    numbers["prefill"] = _prefill(bench, label, teacher, texts, alone, speed)
    config = _config(bench, workload, texts, actors=cores)
    run, _ = _pipeline(config, images)
    numbers["pipeline"] = bench.add(
        f"{label}: pipeline, {cores} actors, a core each (the default)", _rates(run, config, bench.repetitions)
    )
    if count == 50 and not (bench.quick and workload.model == "fieldguide"):
        slow = in_own_process(rivals.hf_loop, teacher, images, texts, workload.pairs_one_by_one, bench.repetitions)
        numbers["hf_loop"] = bench.add(f"{label}: one Hugging Face `generate` a pair, {cores} cores", slow)
    if count == 50 and (not bench.quick or workload.model == "fieldguide"):
        some = images[: max(4, len(images) // (8 if bench.quick else 4))]
        other = in_own_process(rivals.ray_data_llm, teacher, extract, some, texts, bench.repetitions)
        numbers["ray_data_llm"] = bench.add(f"{label}: `ray.data.llm`, {cores} engines", other)
    return numbers


def _config(bench: Bench, workload: Workload, texts: list[str], *, actors: int) -> Config:
    place = bench.folder / f"questions-{len(texts)}.yaml"
    place.write_text(yaml.safe_dump(texts), encoding="utf-8")
    return validate(
        {
            "name": f"{workload.name.replace(' ', '-')}-{len(texts)}-{actors}",
            "data": {"source": "fieldguide"},
            "aspects": {"source": "file", "path": str(place)},
            "teacher": {"model": workload.model, "prompt": workload.prompt, "dtype": "float32"},
            "extract": {"actors": actors, "batch_size": workload.batch_size, "min_answer_mass": 0.0},
            "storage": {"path": str(bench.folder / "runs")},
        }
    )


def _pipeline(config: Config, images: list[bytes]) -> tuple[Run, dict[str, float]]:
    """Our own way, end to end, in a process of its own; the run, and what it measured of its engines."""
    run = open_run(config.storage.path, config.name)
    write_images(run, config, images)
    in_own_process(_extract, config)
    verify(run)
    return run, read_speed(_answers(run, config))


def _extract(config: Config) -> None:
    prepare_process(offline=True)
    with connect(config.cluster):
        ask_teacher(config, open_run(config.storage.path, config.name), lambda *_: None)


def write_images(run: Run, config: Config, images: list[bytes]) -> None:
    """An image table of these pictures, all of them for training."""
    folder = run.refer_to_images(f"benchmark-{config.name}").child("table", "train")
    for start in range(0, len(images), 256):
        rows = [
            {"image_id": f"{number:06}.png", "image": image, "sha256": hashlib.sha256(image).hexdigest(), "label": 0,
             "class_name": "bird", "split": "train"}
            for number, image in enumerate(images[start : start + 256], start=start)
        ]  # fmt: skip
        folder.write_table(f"part-{start // 256:05d}.parquet", pa.Table.from_pylist(rows, schema=schema.IMAGES))
    facts = {"images": {"train": len(images)}, "class_names": ["bird"], "quarantined": 0}
    run.images.finish("benchmark", settings=settings_identity(config), digest=fingerprint(images=len(images)), **facts)


def _answers(run: Run, config: Config) -> Any:
    return run.answers(teacher_identity(config.teacher).key)


def _rates(run: Run, config: Config, windows: int) -> list[float]:
    """Answers a second in windows of the run, from the times at which the files of answers were written."""
    files = sorted(Path(_answers(run, config).path).glob("part-*.parquet"))
    columns = len(yaml.safe_load(Path(getattr(config.aspects, "path", "")).read_text(encoding="utf-8")))
    answered = [pq.read_metadata(file).num_rows * columns for file in files]
    return rivals.window_rates([file.stat().st_mtime for file in files], answered, windows)


def _prefill(
    bench: Bench, label: str, teacher: VllmTeacher, texts: list[str], images: list[bytes], speed: dict[str, float]
) -> float:
    """Prompt tokens that vLLM computed, over the least possible when whole blocks of an image are shared."""
    tokens = count_tokens(teacher, images[:1], tuple(texts))
    shared = tokens.shared // _BLOCK * _BLOCK
    least = shared + len(texts) * (tokens.shared + tokens.question - shared)
    computed = speed["computed_tokens"] / speed["requests"] * len(texts)
    bench.add(f"{label}: prompt tokens computed an image", [computed], "tokens")
    bench.add(f"{label}: least possible, whole blocks of {_BLOCK} shared", [least], "tokens")
    bench.add(f"{label}: if nothing were shared", [tokens.one_by_one(len(texts))], "tokens")
    return computed / least


def _ceiling(bench: Bench) -> dict[str, float]:
    """The pipeline with an engine that answers at once: images a second, and memory for few and many images."""
    few = pictures(256)
    results: dict[str, float] = {}
    counts = _QUICK_IMAGES if bench.quick else _IMAGES
    for images in counts:
        config = _without_inference(bench, images)
        in_own_process(_write_different_images, config, few, images)
        peak, rate = in_own_process(_run_without_inference, config, bench.repetitions)
        bench.add(
            f"no inference, {images:,} images: peak memory of driver, workers, object store", [peak / 2**20], "MiB"
        )
        results[str(images)] = peak
        results["images_per_s"] = bench.add(f"no inference, {images:,} images, Q = 50", rate, "images/s")
    results["rss_growth"] = results[str(counts[1])] / results[str(counts[0])]
    return results


def _without_inference(bench: Bench, images: int) -> Config:
    workload = Workload(f"no inference {images}", "fieldguide", "{question}", images, 32, 0)
    tree = _config(bench, workload, questions(50), actors=len(os.sched_getaffinity(0))).model_dump(mode="json")
    return validate(tree | {"teacher": {"kind": "no_inference"}})


def _write_different_images(config: Config, few: list[bytes], count: int) -> None:
    """So many images of different bytes: a PNG may be followed by anything."""
    different = [few[number % len(few)] + number.to_bytes(4, "big") for number in range(count)]
    write_images(open_run(config.storage.path, config.name), config, different)


def _run_without_inference(config: Config, windows: int) -> tuple[int, list[float]]:
    prepare_process(offline=True)
    run = open_run(config.storage.path, config.name)
    with peak_memory() as peak, connect(config.cluster):
        ask_teacher(config, run, lambda *_: None)
    return peak.bytes, [rate / 50 for rate in _rates(run, config, windows)]


_NOTES = {
    "pipeline_over_bare": "one actor on one core against bare `LLM.generate` on one core, the lowest of all rows; the "
    "bare engine has the same arguments, decoded images, their hashes, and tokenised prompts",
    "pipeline_over_hf_loop": "the default arrangement against a `generate` a pair on all cores, prefill-heavy, Q = 50",
    "pipeline_over_ray_data_llm": "the default arrangement against as many engines of `ray.data.llm`, Q = 50",
    "prefill_over_least": "prompt tokens that vLLM says it computed, prefill-heavy, over T_p + T_i + Q T_q where "
    "whole blocks are shared",
    "engine_busy": "share of the time between an engine's first and last batch that it spends in vLLM's own "
    "admission and step, the lowest of all rows",
    "two_actors_over_one": "an actor on every core against one actor on one core, Q = 50, the lower of the workloads",
    "rss_growth": "peak memory of driver, workers and object store, many images over a twentieth of them",
}


def _notes(ceiling: dict[str, float]) -> list[str]:
    rate = ceiling["images_per_s"]
    fed = (
        f"Without inference the pipeline passes {rate:,.0f} images/s at Q = 50 on this machine, decoding included: "
        f"enough for {rate / _GPU_IMAGES_PER_S:,.0f} GPUs of {_GPU_IMAGES_PER_S} images/s each"
    )
    return [*[f"`{key}`: {meaning}." for key, meaning in _NOTES.items()], f"{fed}."]
