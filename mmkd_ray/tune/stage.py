"""The search stage: trials on a finished teacher table, as one resumable job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from pyarrow import fs

from mmkd_ray.artifacts import Folder, Run, fingerprint
from mmkd_ray.aspects.questions import Aspect, load_aspects
from mmkd_ray.cluster.monitor import ProgressCallback
from mmkd_ray.config import Config
from mmkd_ray.config.messages import show
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError
from mmkd_ray.extract.identity import require_teacher
from mmkd_ray.students.arms import ARMS
from mmkd_ray.train.cells import Cell, larger_student
from mmkd_ray.tune.heat_map import heat_map
from mmkd_ray.tune.outcome import best_yaml, facts, trial_table
from mmkd_ray.tune.parallel import parallel_coordinates
from mmkd_ray.tune.progress import shown
from mmkd_ray.tune.search import check_trackers, new_tuner, restored_tuner
from mmkd_ray.tune.space import asking_most, trial_count

TRIALS, BEST, HEAT_MAP, PARALLEL = "trials.parquet", "best.yaml", "heatmap.svg", "parallel.svg"
"""What a finished search's folder holds, besides the record."""
BEGUN = "search.json"
"""What decides the search; written first."""
RAY = "trials"
"""Ray Tune's folder: one for each trial, with TensorBoard's files."""


@dataclass(frozen=True)
class Search:
    """A search that may run: everything that it needs is there."""

    config: Config
    run: Run
    aspects: tuple[Aspect, ...]
    """Of the largest Q."""
    larger: Cell | None
    """The larger student that the trials learn from: that of the configuration as it stands, the same for all."""
    decides: dict[str, Any]
    """What decides the outcome, by key."""
    resume: bool

    @property
    def identity(self) -> str:
        """Fingerprint of `decides`."""
        return fingerprint(**self.decides)

    @property
    def finished(self) -> bool:
        """Whether it has been done already."""
        return self.run.tune.finished(self.identity) is not None


def open_search(config: Config, run: Run, *, resume: bool = False) -> Search:
    """Check that the search can run: no cluster is needed, and nothing is written.

    Args:
        config: the run's configuration.
        run: with its image table, and a teacher table that has the answers of the largest Q.
        resume: whether to continue a search that was interrupted.

    Raises:
        ArtifactError: the images or the answers are not there; or the folder holds another search, or an interrupted
            one that is not to be resumed, or none that could be.
        ConfigError: a tracker is not installed.
    """
    check_trackers(config)
    asked = asking_most(config)
    images, teacher = require_images(config, run), _answers(config, asked, run)
    aspects = load_aspects(asked.aspects)
    decides = _decides(config, images["digest"], teacher["asked"]["teacher"], aspects)
    larger = None
    if ARMS[config.tune.arm].uses_larger_student:
        larger = larger_student(config, images, teacher)
        run.require(larger.folder(run), "train", fingerprint=larger.identity)
    search = Search(config, run, aspects, larger, decides, resume)
    _check_folder(search)
    return search


def run_search(search: Search, progress: ProgressCallback) -> dict[str, Any]:
    """Run the trials that have not ended, and write what came out; needs a cluster.

    Args:
        search: from `open_search`; one that is finished is left as it is.
        progress: called with (trials ended, trials in all, `epochs` so far and `% best so far`).

    Returns:
        The record: the facts of `outcome.facts`.

    Raises:
        StudentError: every trial failed.
        ClusterError: the cluster cannot hold the trials that are asked for at a time.
    """
    config, folder = search.config, search.run.tune
    if record := folder.finished(search.identity):
        return record
    total = trial_count(config.tune)
    with shown(progress, total), _own_interrupt():
        results = list(_tuner(search).fit())
    if sum(bool(result.error or result.metrics.get("done")) for result in results) < total:
        raise KeyboardInterrupt  # Ray Tune ends quietly after a Ctrl+C
    table = trial_table(config, results)
    folder.write_table(TRIALS, table)
    folder.write_bytes(BEST, best_yaml(config, table).encode())
    for name, chart in {HEAT_MAP: heat_map(config, table), PARALLEL: parallel_coordinates(config, table)}.items():
        if chart:
            folder.write_bytes(name, chart.encode())
    _delete_states(folder.child(RAY))
    folder.finish(search.identity, **facts(config, table))
    return folder.finished(search.identity) or {}


def _tuner(search: Search) -> Any:
    ray = search.run.tune.child(RAY)
    shared = {"base": search.config, "run": search.run, "aspects": search.aspects, "larger": search.larger}
    # A search that was killed before Ray noted its state for the first time has nothing to resume.
    if any(name.startswith("experiment_state") for name in ray.names()):
        return restored_tuner(search.config, ray, shared)
    search.run.tune.delete()
    tuner = new_tuner(search.config, ray, shared)
    search.run.tune.write_json(BEGUN, search.decides)
    return tuner


def _check_folder(search: Search) -> None:
    folder = search.run.tune
    before = folder.read_json(BEGUN) if folder.exists(BEGUN) else None
    if before is None:
        if search.resume:
            raise ArtifactError(f"{folder.uri} holds no search to resume: run `mmkd tune CONFIG` without --resume")
        return
    now = search.decides
    if differences := [
        f"{key} was {show(before.get(key))} and is {show(now.get(key))}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]:
        raise ArtifactError(
            f"{folder.uri} holds another search: {'; '.join(differences)}; set it back, or move or delete that folder "
            "to search anew"
        )
    if not search.resume and not search.finished:
        raise ArtifactError(
            f"{folder.uri} holds this search, interrupted: continue it by `mmkd tune CONFIG --resume`, or delete that "
            "folder to search anew"
        )


def _answers(config: Config, asked: Config, run: Run) -> dict[str, Any]:
    try:
        return require_teacher(asked, run)
    except ArtifactError as error:
        if asked.aspects.count == config.aspects.count:
            raise
        count = "null" if asked.aspects.count is None else asked.aspects.count
        raise ArtifactError(
            f"{error}; a search needs the answers of its largest Q: add aspects.count={count} to that command"
        ) from error


def _decides(config: Config, images: str, teacher: Any, aspects: tuple[Aspect, ...]) -> dict[str, Any]:
    sections = config.model_dump(mode="json", include={"student": True, "train": True, "tune": True})
    study = config.model_dump(mode="json", include={"study": {"label_smoothing", "class_question", "kd_teacher"}})
    keys = {f"{name}.{key}": value for name, keys in {**sections, **study}.items() for key, value in keys.items()}
    for key in ("tune.concurrency", "tune.trackers"):
        del keys[key]
    return {**keys, "images": images, "teacher": teacher, "questions": [asdict(aspect) for aspect in aspects]}


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
