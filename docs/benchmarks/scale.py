"""ImageNet on paper: `python docs/benchmarks/scale.py` writes the tables of docs/scale.md from the benchmarks here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "scale.md"
BEGIN, END = "<!-- by docs/benchmarks/scale.py -->\n", "<!-- until here -->\n"
NOT_YET = "not measured yet"

TRAIN, ALL, BYTES = 1_281_167, 1_331_167, 110_000
QUESTIONS, EPOCHS = 50, 90
CORES, GPUS = 64, 8
"""Of a node: assumed."""
TEACHER_PER_GPU, STUDENT_PER_GPU = 20.0, 2_500.0
"""Images a second, with all questions, and samples a second of ResNet-50 in bf16: assumed."""
STORAGE, NETWORK = 2e9, 12.5e9
"""Bytes a second that the shared storage gives to all nodes together, and that a node's network takes: assumed."""
GRADIENTS, BATCH_PER_GPU = 102e6, 256
"""Bytes of ResNet-50's gradients in float32; samples."""


def measured(benchmark: str, name: str) -> float | None:
    """The median of a measurement in the newest JSON of a benchmark; None as long as there is none."""
    files = [file for file in HERE.glob("*.json") if re.fullmatch(rf"[\d-]+-{benchmark}(-quick)?", file.stem)]
    for file in sorted(files, key=lambda file: (file.stem[:10], "quick" not in file.stem), reverse=True):
        for one in json.loads(file.read_text(encoding="utf-8"))["measurements"]:
            if one["name"] == name:
                return float(one["median"])
    return None


@dataclass(frozen=True)
class Rates:
    """What was measured, by core where it is of two cores."""

    table: float | None
    """Images a second: read, decoded, hashed, written."""
    extraction: float | None
    """Images a second that pass everything but the teacher."""
    mapped: float | None
    encoded: float | None
    driver_s: float | None
    """Plan, merge, prove and verify a million images' answers: one process, on any cluster."""


def rates() -> Rates:
    """Of the newest benchmarks."""

    def by_core(benchmark: str, name: str) -> float | None:
        rate = measured(benchmark, name)
        return None if rate is None else rate / 2

    steps = ("plan a resumed run", "merge the files of batches", "make and prove the teacher table", "verify it")
    of_million = [measured("answers", f"1,000,000 images x 50 questions: {step}") for step in steps]
    known = [seconds for seconds in of_million if seconds is not None]
    return Rates(
        table=by_core("data", "8,000 JPEGs: image table, 2 cores"),
        extraction=by_core("extract", "no inference, 20,000 images, Q = 50"),
        mapped=by_core("feeds", "feed alone, 224 px from 500 x 375: mapped, in memory"),
        encoded=by_core("feeds", "feed alone, 224 px from 500 x 375: encoded"),
        driver_s=sum(known) * ALL / 1e6 if len(known) == len(of_million) else None,
    )


def hours(found: Rates, nodes: int) -> dict[str, float | None]:
    """Of each part of a run on so many nodes."""
    reading = ALL * BYTES / STORAGE
    deciding = None if found.table is None else max(ALL / (found.table * CORES * nodes), reading)
    seconds = {
        "image table": deciding,
        f"teacher, {QUESTIONS} questions": TRAIN / (TEACHER_PER_GPU * GPUS * nodes),
        "plan, merge, prove, verify answers": found.driver_s,
        f"{EPOCHS} epochs of ResNet-50": EPOCHS * TRAIN / (_trained(found) * nodes),
    }
    return {part: None if value is None else value / 3600 for part, value in seconds.items()}


def _trained(found: Rates) -> float:
    """Samples a second of a node: its GPUs', or fewer if its cores bring no more."""
    feed = max(found.mapped or 0, found.encoded or 0) * CORES
    return min(STUDENT_PER_GPU * GPUS, feed or STUDENT_PER_GPU * GPUS)


def loads(found: Rates, nodes: int) -> dict[str, float | None]:
    """How much of what there is each part asks for while it runs: above 1, it is what the others wait for."""

    def of_cores(wanted: float, by_core: float | None) -> float | None:
        return None if by_core is None else wanted / (by_core * CORES)

    steps = STUDENT_PER_GPU / BATCH_PER_GPU
    reading = None if found.table is None else found.table * CORES * nodes * BYTES / STORAGE
    return {
        "image table: the shared storage": reading,
        "teacher: a node's cores, for its GPUs": of_cores(TEACHER_PER_GPU * GPUS, found.extraction),
        "training, mapped feed: a node's cores, for its GPUs": of_cores(STUDENT_PER_GPU * GPUS, found.mapped),
        "training, encoded feed: a node's cores, for its GPUs": of_cores(STUDENT_PER_GPU * GPUS, found.encoded),
        "training: a node's network, for gradients": 2 * GRADIENTS * steps / NETWORK if nodes > 1 else 0.0,
    }


def first_to_saturate(found: Rates, nodes: int) -> str:
    """The part that asks for most of what there is."""
    known = {part: load for part, load in loads(found, nodes).items() if load is not None}
    part = max(known, key=known.__getitem__)
    return f"{part} ({known[part]:.0%})"


def page() -> str:
    """The tables."""
    found, nodes = rates(), (1, 16)
    lines = ["| measured, on two cores | by core |", "|---|---|"]
    for name, rate in (
        ("image table", found.table),
        ("extraction without a teacher", found.extraction),
        ("feed from mapped pictures", found.mapped),
        ("feed from encoded pictures", found.encoded),
    ):
        lines.append(f"| {name} | {NOT_YET if rate is None else f'{rate:,.0f} images/s'} |")
    columns = [hours(found, count) for count in nodes]
    lines += ["", "| hours | 1 node | 16 nodes |", "|---|---|---|"]
    for part in columns[0]:
        lines.append(f"| {part} | {' | '.join(_shown(column[part], '{:,.2f}') for column in columns)} |")
    totals = [sum(value for value in column.values() if value is not None) for column in columns]
    lines.append(f"| together, as far as measured | {' | '.join(f'{total:,.1f}' for total in totals)} |")
    columns = [loads(found, count) for count in nodes]
    lines += ["", "| asked for, of what there is | 1 node | 16 nodes |", "|---|---|---|"]
    for part in columns[0]:
        lines.append(f"| {part} | {' | '.join(_shown(column[part], '{:.1%}') for column in columns)} |")
    known = "" if all(load is not None for load in columns[0].values()) else ", as far as measured"
    first = ", ".join(f"with {count} node{'s' * (count > 1)} {first_to_saturate(found, count)}" for count in nodes)
    lines += ["", f"Besides the GPUs, what saturates first{known}: {first}."]
    return "\n".join(lines) + "\n"


def _shown(value: float | None, form: str) -> str:
    return NOT_YET if value is None else form.format(value)


def rewritten(text: str) -> str:
    """A page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + page() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
