"""The whole story: images, questions, the teacher's answers, students, what they reach, a report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import ray

from mmkd_ray.answers.teacher import check_teacher
from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.connection import ClusterOnDemand
from mmkd_ray.cluster.start import check_cluster
from mmkd_ray.config import Config
from mmkd_ray.console import Console
from mmkd_ray.data.sources.opening import listed_once
from mmkd_ray.errors import BusyError, MmkdError
from mmkd_ray.lease import writing
from mmkd_ray.stages import STORY, Stage
from mmkd_ray.stages.images import Images
from mmkd_ray.stages.seconds import note_seconds


def run_all(config: Config, run: Run, console: Console, *, replace: bool = False) -> None:
    """Every stage in turn: images, aspects (where questions are selected), extract, train, evaluate, report.

    Args:
        config: the run's configuration.
        run: where it goes.
        console: where progress is shown.
        replace: whether the run's images may be exchanged for those of another source.
    """
    stages = [stage for stage in STORY if stage.is_wanted(config)]
    run_stages(replacing_images(stages) if replace else stages, config, run, console)


def replacing_images(stages: Iterable[Stage]) -> list[Stage]:
    """The same stages, but that of the images may exchange the run's for those of another source."""
    return [Images(replace=True) if isinstance(stage, Images) else stage for stage in stages]


def run_stage(stage: Stage, config: Config, run: Run, console: Console) -> None:
    """One stage as a command of its own."""
    run_stages([*(first() for first in stage.first), stage], config, run, console)


def run_stages(stages: Sequence[Stage], config: Config, run: Run, console: Console) -> None:
    """Stages in turn, with a cluster from the first that needs one to the last; what is finished is not done again.

    Every stage writes into the run, if only the seconds that it took, so there is one such call for a run at a time.

    Raises:
        BusyError: somebody else is writing into the run.
    """
    with writing(run, ", ".join(stage.command for stage in stages), console.say), listed_once():
        check(stages, config, run, console)
        record = _perform_all(stages, config, run, console)
        for part in stages[-1].closing(config, run, record):
            console.say(part)


def _perform_all(stages: Sequence[Stage], config: Config, run: Run, console: Console) -> Any:
    """Stages in turn; gives the record of the last."""
    record: Any = None
    with ClusterOnDemand(config.cluster, lambda cluster: console.say(f"cluster   {cluster}")) as cluster:
        for place, stage in enumerate(stages, start=1):
            if stage.needs_cluster(config, run):
                cluster.attach()
            record = perform(stage, config, run, console)
            if cluster.attached and not may_need_cluster(stages[place:], config, run):
                cluster.detach()
    return record


def check(stages: Sequence[Stage], config: Config, run: Run, console: Console) -> None:
    """Find what would stop a later stage now, before anything slow begins."""
    checks = dict.fromkeys(check for stage in stages for check in stage.checks)
    if checks:
        started = time.monotonic()
        progress = console.progress("check", "")
        found = [check(config, run) for check in checks]
        progress.close(", ".join(filter(None, found)))
        note_seconds(run, "check", time.monotonic() - started)
    if may_need_cluster(stages, config, run) and not ray.is_initialized():
        check_cluster(config.cluster)


def perform(stage: Stage, config: Config, run: Run, console: Console) -> Any:
    """Do a stage and show its progress; note its wall time unless its artifact was there already."""
    progress, started = console.progress(stage.name, stage.unit, stage.rated), time.monotonic()
    before = _artifact_record(stage, run)
    try:
        record = stage.run(config, run, progress)
    except BaseException:
        progress.break_off()
        raise
    reused = before is not None and _artifact_record(stage, run) == before
    if not reused:
        note_seconds(run, stage.name, time.monotonic() - started)
    progress.close(("already done: reused; " if reused else "") + stage.remark(config, run, record))
    for note in stage.notes(config, run, record):
        console.say(f"          {note}")
    return record


def _artifact_record(stage: Stage, run: Run) -> Any:
    folder = stage.artifact(run)
    return folder and folder.record()


def may_need_cluster(stages: Sequence[Stage], config: Config, run: Run) -> bool:
    """Whether one of these stages needs a cluster, as far as that is known before those in front of it are done."""
    try:
        return any(stage.needs_cluster(config, run) for stage in stages)
    except MmkdError:
        return True


def plan(config: Config, run: Run, console: Console, *, answers_per_second: float | None = None) -> None:
    """What extraction will take: asks nothing, but makes the image table if it is not there.

    A run that is being written is looked at as it is.
    """
    from mmkd_ray.extract.cost import describe_cost  # noqa: PLC0415 (timm or transformers: seconds)

    check_teacher(config.teacher)
    try:
        run_stages([Images()], config, run, console)
    except BusyError as error:
        console.say(f"by the images that are there: {error}")
    for line in describe_cost(config, run, answers_per_second=answers_per_second):
        console.say(line)


def dry_run(config: Config, run: Run, console: Console, *, seconds_per_epoch: float | None = None) -> None:
    """What a study will take: makes nothing and asks nothing."""
    from mmkd_ray.study.cost import describe_study  # noqa: PLC0415 (timm or transformers: seconds)

    for line in describe_study(config, run, seconds_per_epoch=seconds_per_epoch):
        console.say(line)
