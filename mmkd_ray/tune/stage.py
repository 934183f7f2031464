"""The search stage: trials on a finished teacher table, as one resumable job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.cluster.monitor import ProgressCallback
from mmkd_ray.study.inputs import require_inputs
from mmkd_ray.tasks import task_of
from mmkd_ray.tune.check import check_trials
from mmkd_ray.tune.heat_map import heat_map
from mmkd_ray.tune.opening import BEGUN, Search
from mmkd_ray.tune.outcome import best_yaml, facts, trial_table
from mmkd_ray.tune.parallel import parallel_coordinates
from mmkd_ray.tune.progress import shown
from mmkd_ray.tune.search import has_notes, new_tuner, restored_tuner
from mmkd_ray.tune.space import trial_count
from mmkd_ray.tune.worker import RAY

TRIALS, BEST, HEAT_MAP, PARALLEL = "trials.parquet", "best.yaml", "heatmap.svg", "parallel.svg"
"""What a finished search's folder holds, besides the record."""


def run_search(search: Search, progress: ProgressCallback) -> dict[str, Any]:
    """Run the trials that have not ended, and write what came out; needs a cluster.

    Args:
        search: from `open_search`; one that is finished is left as it is.
        progress: called with (trials ended, trials in all, `epochs` so far and `% best so far`).

    Returns:
        The record: the facts of `outcome.facts`.

    Raises:
        StudentError: a student of the space cannot be trained on so few images, or every trial failed.
        ArtifactError: the images or answers were replaced meanwhile.
        ClusterError: the cluster cannot hold the trials that are asked for at a time.
    """
    config, folder = search.config, search.run.tune
    if record := search.finished:
        return record
    check_trials(config, images=search.run.require(search.run.images, "images")["images"]["train"])
    total = trial_count(config.tune)
    with shown(progress, total, task_of(config).primary), _own_interrupt():
        results = list(_tuner(search).fit())
    if sum(bool(result.error or result.metrics.get("done")) for result in results) < total:
        raise KeyboardInterrupt  # Ray Tune ends quietly after a Ctrl+C
    require_inputs(search.run, search.inputs)
    table = trial_table(config, results)
    folder.write_table(TRIALS, table)
    folder.write_bytes(BEST, best_yaml(config, table).encode())
    for name, chart in {HEAT_MAP: heat_map(config, table), PARALLEL: parallel_coordinates(config, table)}.items():
        if chart:
            folder.write_bytes(name, chart.encode())
    _delete_states(folder.child(RAY))
    folder.finish(search.identity, **facts(config, table))
    return search.finished or {}


def _tuner(search: Search) -> Any:
    ray = search.run.tune.child(RAY)
    shared: dict[str, Any] = {name: getattr(search, name) for name in ("run", "aspects", "inputs", "larger")}
    shared["base"] = search.config
    # A search that was killed before Ray noted its state for the first time has nothing to resume.
    if has_notes(ray):
        return restored_tuner(search.config, ray, shared)
    search.run.tune.delete()
    tuner = new_tuner(search.config, ray, shared)
    search.run.tune.write_json(BEGUN, search.decides.as_dict())
    return tuner


def _delete_states(ray: Folder) -> None:
    """Delete the students' states: TensorBoard's files stay."""
    for info in ray.filesystem.get_file_info(fs.FileSelector(ray.path, recursive=True)):
        if info.type == fs.FileType.Directory and info.base_name.startswith("checkpoint_"):
            ray.filesystem.delete_dir(info.path)


@contextmanager
def _own_interrupt() -> Iterator[None]:
    """Put our handler of Ctrl+C back after Ray Tune has set its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
