import json
import os
import subprocess
import sys

import pytest

from mmkd_ray.benchmark.ratio import Ratio
from mmkd_ray.benchmark.results import Measurement, write_results


def test_the_median_is_quoted_with_its_spread():
    measured = Measurement("x", [3.0, 1.0, 10.0], "answers/s")
    assert measured.median == 3.0
    assert measured.row() == "| x | 3 answers/s | 1 to 10 (3) |"


def test_results_are_written_for_machines_and_people(tmp_path):
    write_results(
        str(tmp_path),
        "extract",
        ratios=[
            Ratio("a_over_b", {"x": [1.0, 1.2]}, goal=1.0),
            Ratio("noisy", {"x": [1, 9]}, goal=1),
            Ratio("unknown", {}),
        ],
        measurements=[Measurement("x", [1.0], "s")],
        notes=["`a_over_b`: what it is."],
    )
    results = json.loads((tmp_path / "extract.json").read_text())
    assert {name: (ratio["median"], ratio["reached"]) for name, ratio in results["ratios"].items()} == {
        "a_over_b": (1.1, True), "noisy": (5, False), "unknown": (None, None)
    }  # fmt: skip
    assert [ratio["disturbed"] for ratio in results["ratios"].values()] == [False, True, False]
    assert results["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert results["measurements"][0]["repetitions"] == [1.0]
    table = (tmp_path / "extract.md").read_text()
    assert "| `a_over_b` | 1.1 | 1, 1.2 | at least 1 | reached |" in table
    assert "differ by more than a factor of 1.5, it is marked disturbed" in table
    assert results["commit"] in table


FAMILY = """
import subprocess, sys
from mmkd_ray.benchmark.memory import peak_memory
hold = "held = bytearray(200 * 2**20); import sys; print('ready', flush=True); sys.stdin.read()"
with peak_memory() as before:
    before.sample()
with peak_memory() as peak:
    child = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline()
    peak.sample()
    child.communicate()
print((peak.bytes - before.bytes) / 2**20)
"""


@pytest.mark.timeout(60)
def test_memory_is_that_of_the_whole_family():
    """In a process of its own: that of the tests may have a Ray cluster, which comes and goes."""
    measured = subprocess.run([sys.executable, "-c", FAMILY], capture_output=True, text=True, check=True)
    assert 190 < float(measured.stdout) < 300
