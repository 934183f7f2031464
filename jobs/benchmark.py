"""Benchmarks: `python jobs/benchmark.py WHAT [--quick] [--output DIR]`; `--help` lists them."""

import argparse
import importlib
import sys

from mmkd_ray.console import Console

BENCHMARKS = {
    "answers": "mmkd_ray.benchmark.answers",
    "data": "mmkd_ray.benchmark.data",
    "deploy": "mmkd_ray.benchmark.deploy",
    "evaluate": "mmkd_ray.benchmark.evaluate",
    "extract": "mmkd_ray.benchmark.extract",
    "faithful": "mmkd_ray.benchmark.faithful",
    "feeds": "mmkd_ray.benchmark.feeds",
    "train": "mmkd_ray.benchmark.train",
    "tune": "mmkd_ray.benchmark.tune",
}
"""The module of each; one is imported alone: they take seconds."""
OUTCOMES = {True: "reached", False: "not reached", None: ""}
"""Of a ratio's goal."""


def main() -> int:
    """Run one benchmark; the ratios are printed, all of it is written to the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=list(BENCHMARKS))
    parser.add_argument(
        "--quick", action="store_true", help="some minutes on two cores: `extract` 10, `feeds` 11, the others 6"
    )
    parser.add_argument("--output", default="runs/benchmarks", help="folder for the JSON and the table")
    arguments = parser.parse_args()
    console = Console(sys.stdout)
    benchmark = getattr(importlib.import_module(BENCHMARKS[arguments.what]), f"benchmark_{arguments.what}")
    results = benchmark(arguments.output, quick=arguments.quick, say=console.say)
    for name, ratio in results["ratios"].items():
        outcome = "disturbed" if ratio["disturbed"] else OUTCOMES[ratio["reached"]]
        console.say(f"{name}: {ratio['median']} {outcome}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
