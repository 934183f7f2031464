"""How fast is extraction? Ours against bare vLLM, against the paper's way, against `ray.data.llm`, in one run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmkd_ray.benchmark import asking, rivals
from mmkd_ray.benchmark.bench import Bench, InOwnProcess, alternate, in_own_process
from mmkd_ray.benchmark.ceiling import Ceiling, measure_ceiling
from mmkd_ray.benchmark.ratio import Ratio
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.benchmark.workloads import Workload, pictures, prefill_heavy, questions, small_teacher
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import VllmTeacher
from mmkd_ray.extract.cost import count_tokens

_BLOCK = 32
"""Tokens of a block of the prefix cache: only whole ones are shared."""
_GPU_IMAGES_PER_S = 20
"""A stated GPU: images a second at 50 questions (an 8 B model with 256 image tokens on a recent data-centre GPU is of
this order: about 1,500 tokens an image)."""

_BARE, _ONE, _ALL, _LOOP, _RAY = "bare", "one core", "all cores", "loop", "ray.data.llm"


@dataclass
class _Measured:
    """The rounds of each ratio so far, by workload and number of questions."""

    over_bare: dict[str, list[float]] = field(default_factory=dict)
    over_loop: dict[str, list[float]] = field(default_factory=dict)
    over_ray: dict[str, list[float]] = field(default_factory=dict)
    all_over_one: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, list[float]] = field(default_factory=dict)
    prefill: dict[str, list[float]] = field(default_factory=dict)


def benchmark_extract(output: str, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, write `extract.json` and `extract.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: one number of questions (50), three rounds, and not every rival on both workloads.
        say: called with each result as it comes.
    """
    prepare_process(offline=True)
    measured = _Measured()
    with tempfile.TemporaryDirectory(prefix="mmkd-benchmark-") as temporary:
        bench = Bench(quick, Path(temporary), say)
        small, heavy = small_teacher(), prefill_heavy(bench.folder / "prefill-heavy")
        for workload in (small, heavy):
            for count in (50,) if quick else (10, 50, 100):
                _compare(bench, workload, count, measured)
        ceiling = measure_ceiling(bench)
    ratios = _ratios(measured, ceiling)
    return write_results(output, "extract", ratios=ratios, measurements=bench.measurements, notes=_notes(ceiling))


def _ratios(measured: _Measured, ceiling: Ceiling) -> list[Ratio]:
    prefill_heavy_alone = {row: rounds for row, rounds in measured.prefill.items() if row.startswith("prefill")}
    return [
        Ratio("pipeline_over_bare", measured.over_bare, 0.95),
        Ratio("pipeline_over_hf_loop", measured.over_loop, 10),
        Ratio("pipeline_over_ray_data_llm", measured.over_ray, 2),
        Ratio("prefill_over_least", prefill_heavy_alone, 1.05, lower_is_better=True),
        Ratio("engine_busy", measured.busy, 0.9),
        Ratio("two_actors_over_one", measured.all_over_one, 1.7),
        Ratio("rss_growth", {"no inference": ceiling.memory_growth}, 1.15, lower_is_better=True),
    ]


def _compare(bench: Bench, workload: Workload, count: int, measured: _Measured) -> None:
    """All contenders on one workload with so many questions, in turns."""
    texts, label = questions(count), f"{workload.name}, Q = {count}"
    cores = len(os.sched_getaffinity(0))
    share = workload.images * cores
    images = pictures(share * bench.rounds + workload.batch_size)
    turns = [images[share * number : share * (number + 1)] for number in range(bench.rounds)]
    teacher = VllmTeacher(model=workload.model, prompt=workload.prompt, dtype="float32")
    speeds: dict[str, list[dict[str, float]]] = {_ONE: [], _ALL: []}

    def ours(name: str, actors: int, number: int) -> float:
        folder = bench.folder / f"{label} {name} {number}"
        config = asking.config_for(folder, workload, texts, actors=actors)
        speeds[name].append(asking.ask(config, turns[number][: workload.images * actors]))
        return speeds[name][-1]["requests_per_second"]

    with ExitStack() as stack:
        extract = asking.config_for(bench.folder / label, workload, texts, actors=1).extract
        unseen = images[share * bench.rounds :]
        bare = stack.enter_context(InOwnProcess(rivals.BareVllm, teacher, extract, texts, unseen))
        contenders: dict[str, Callable[[int], float]] = {
            _BARE: lambda number: bare(turns[number][: workload.images]),
            _ONE: lambda number: ours(_ONE, 1, number),
            _ALL: lambda number: ours(_ALL, cores, number),
        }
        if count == 50 and not (bench.quick and workload.model == "fieldguide"):
            loop = stack.enter_context(InOwnProcess(rivals.HfLoop, teacher, texts, unseen[0]))
            contenders[_LOOP] = lambda number: loop(turns[number], workload.pairs_one_by_one)
        if count == 50 and (not bench.quick or workload.model == "fieldguide"):
            some = max(4, share // 6)
            contenders[_RAY] = lambda number: in_own_process(
                rivals.ray_data_llm, teacher, extract, texts, turns[number][:some]
            )
        rates = alternate(bench.rounds, contenders)
    _note_rates(bench, label, cores, rates, measured)
    measured.busy[label] = [speed["engine_busy"] for speed in speeds[_ONE]]
    bench.add(f"{label}: engine busy, one actor", measured.busy[label], "of the time")
    measured.prefill[label] = _prefill(bench, label, teacher, texts, images, speeds[_ONE])


def _note_rates(bench: Bench, label: str, cores: int, rates: dict[str, list[float]], measured: _Measured) -> None:
    said = {
        _BARE: "bare `LLM.generate`, one core",
        _ONE: "pipeline, one actor on one core",
        _ALL: f"pipeline, {cores} actors, a core each (the default)",
        _LOOP: f"one Hugging Face `generate` a pair, {cores} cores",
        _RAY: f"`ray.data.llm`, {cores} engines",
    }
    for name, values in rates.items():
        bench.add(f"{label}: {said[name]}", values)
    for rounds, one, other in (
        (measured.over_bare, _ONE, _BARE),
        (measured.over_loop, _ALL, _LOOP),
        (measured.over_ray, _ALL, _RAY),
        (measured.all_over_one, _ALL, _ONE),
    ):
        if other in rates and (other != _ONE or label.endswith("Q = 50")):
            rounds[label] = [ours / theirs for ours, theirs in zip(rates[one], rates[other], strict=True)]


def _prefill(
    bench: Bench,
    label: str,
    teacher: VllmTeacher,
    texts: list[str],
    images: list[bytes],
    speeds: list[dict[str, float]],
) -> list[float]:
    """Prompt tokens that vLLM computed, over the least possible when whole blocks of an image are shared."""
    tokens = count_tokens(teacher, images[:1], tuple(texts))
    shared = tokens.shared // _BLOCK * _BLOCK
    least = shared + len(texts) * (tokens.shared + tokens.question - shared)
    computed = [speed["computed_tokens"] / speed["requests"] * len(texts) for speed in speeds]
    bench.add(f"{label}: prompt tokens computed an image", computed, "tokens")
    bench.add(f"{label}: least possible, whole blocks of {_BLOCK} shared", [least], "tokens")
    bench.add(f"{label}: if nothing were shared", [tokens.one_by_one(len(texts))], "tokens")
    return [tokens / least for tokens in computed]


_NOTES = {
    "pipeline_over_bare": "one actor on one core against bare `LLM.generate` on one core, the lowest of all rows; the "
    "bare engine has the same arguments, decoded images, their hashes, and tokenised prompts",
    "pipeline_over_hf_loop": "the default arrangement against a `generate` a pair on all cores, Q = 50 (with `--quick` "
    "prefill-heavy alone)",
    "pipeline_over_ray_data_llm": "the default arrangement against as many engines of `ray.data.llm`, Q = 50 (with "
    "`--quick` the small teacher alone)",
    "prefill_over_least": "prompt tokens that vLLM says it computed, prefill-heavy, over T_p + T_i + Q T_q where "
    "whole blocks are shared",
    "engine_busy": "share of the time between an engine's first and last batch that it spends in vLLM's own "
    "admission and step, the lowest of all rows",
    "two_actors_over_one": "an actor on every core against one actor on one core, Q = 50, the lower of the workloads",
}


def _notes(ceiling: Ceiling) -> list[str]:
    rate = ceiling.images_per_s
    fed = (
        f"Without inference the pipeline passes {rate:,.0f} images/s at Q = 50 on this machine, decoding included: "
        f"enough for {rate / _GPU_IMAGES_PER_S:,.0f} GPUs of {_GPU_IMAGES_PER_S} images/s each"
    )
    rates = "Our rates are those of each engine from the end of its first batch to that of its last, added up"
    meanings = {**_NOTES, "rss_growth": ceiling.meaning}
    return [*[f"`{key}`: {meaning}." for key, meaning in meanings.items()], f"{rates}.", f"{fed}."]
