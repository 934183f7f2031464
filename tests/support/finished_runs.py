"""Small runs as `mmkd report` leaves them, for what reads finished runs."""

from __future__ import annotations

from pathlib import Path

from mmkd_ray.artifacts import Run
from mmkd_ray.artifacts.configuration import write_config
from mmkd_ray.report.summary import SUMMARY
from tests.support.report_run import Plan, make


def finished_run(root: Path, **plan: object) -> Run:
    """A run of this `Plan` below `root`, with its summary and configuration written."""
    made = make(root, Plan(**plan))
    made.run.folder.write_json(SUMMARY, {**made.summary, "arms": {}})
    write_config(made.config, made.run)
    return made.run
