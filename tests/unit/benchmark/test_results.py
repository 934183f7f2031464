import json
import os
import subprocess
import sys

import pytest

from mmkd_ray.benchmark.results import Measurement, write_results
from mmkd_ray.benchmark.rivals import window_rates


def test_rates_leave_out_what_came_before_the_first_batch_ended():
    ended = [100.0, 101.0, 102.0, 104.0, 106.0]
    assert window_rates(ended, [10, 10, 10, 10, 10], 2) == [10.0, 5.0]


def test_rates_take_batches_in_the_order_of_their_ends():
    assert window_rates([3.0, 1.0, 2.0], [6, 99, 4], 1) == [5.0]


def test_there_are_no_more_windows_than_batches():
    assert len(window_rates([1.0, 2.0, 3.0], [1, 1, 1], 9)) == 2


def test_the_median_is_quoted_with_its_spread():
    measured = Measurement("x", [3.0, 1.0, 10.0], "answers/s")
    assert measured.median == 3.0
    assert measured.row() == "| x | 3 answers/s | 1 to 10 (3) |"


def test_results_are_written_for_machines_and_people(tmp_path):
    write_results(
        str(tmp_path),
        "extract",
        ratios={"a_over_b": 1.23456, "unknown": None},
        measurements=[Measurement("x", [1.0], "s")],
        notes=["`a_over_b`: what it is."],
    )
    results = json.loads((tmp_path / "extract.json").read_text())
    assert results["ratios"] == {"a_over_b": 1.2346, "unknown": None}
    assert results["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert results["measurements"][0]["repetitions"] == [1.0]
    table = (tmp_path / "extract.md").read_text()
    assert "| `a_over_b` | 1.2346 |" in table
    assert "| `unknown` | not measured |" in table
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
