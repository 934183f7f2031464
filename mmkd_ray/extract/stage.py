"""The extraction stage: image table and questions -> teacher table, proved complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray
import ray.data

from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import Aspect, load_aspects
from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.cluster.monitor import monitored
from mmkd_ray.config import Config, ExtractConfig
from mmkd_ray.data.table import read_splits, require_images, split_folders
from mmkd_ray.extract.actor import AskTeacher
from mmkd_ray.extract.identity import SPLITS, teacher_identity, what_is_asked
from mmkd_ray.extract.ledger import prove
from mmkd_ray.extract.table import read_teacher_table

_NO_CPUS = 0
"""Reading and writing ask for no CPU: the engines may have claimed them all."""


def ask_teacher(config: Config, run: Run, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Ask the teacher every question about every training and validation image; free if that is done.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        progress: called with (images done, images in all).

    Returns:
        The record: `fingerprint`, `ledger` (its counts).

    Raises:
        TeacherError: the teacher cannot be loaded or has no single-token answers.
        LedgerError: the table that came out is not complete.
        ClusterError: the cluster cannot hold the engines asked for.
    """
    images, aspects = require_images(config, run), load_aspects(config.aspects)
    identity = teacher_identity(config, images)
    if record := run.teacher.finished(identity):
        return record
    run.teacher.delete()
    expected = _expected(run)
    table = run.teacher.child("table")
    with monitored(len(expected), progress) as monitor:
        answers = _answers(config, run, aspects, identity, monitor, len(expected))
        answers.write_parquet(table.path, filesystem=table.filesystem, ray_remote_args={"num_cpus": _NO_CPUS})
    ledger = prove(table.read_table(), expected=expected, questions=len(aspects), quarantined=images["quarantined"])
    run.teacher.write_json("questions.json", [{"id": aspect.id, "question": aspect.question} for aspect in aspects])
    facts = {"asked": what_is_asked(config, images), "ledger": ledger.as_dict()}
    run.teacher.finish(identity, **facts)
    return {"fingerprint": identity, **facts}


def mean_answer_mass(run: Run) -> dict[str, float]:
    """Mean of P(yes) + P(no) over the images, by question."""
    table = read_teacher_table(run)
    means_Q = table.mass_NQ.mean(axis=0)
    return dict(zip(table.questions, means_Q.tolist(), strict=True))


def _expected(run: Run) -> dict[str, str]:
    rows = read_splits(run, SPLITS, columns=["image_id", "sha256"])
    return dict(zip(rows["image_id"].to_pylist(), rows["sha256"].to_pylist(), strict=True))


def _answers(
    config: Config, run: Run, aspects: tuple[Aspect, ...], identity: str, monitor: Any, images: int
) -> ray.data.Dataset:
    """The rows of the teacher table, lazily: they are computed when they are written."""
    extract = config.extract
    actors = extract.actors or _enough_actors(extract, images)
    check_fits("extraction", count=actors, cpus=extract.cpus_per_actor, gpus=extract.gpus_per_actor)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # The second version of Ray 2.60's Parquet source lists its files in a task that insists on a whole CPU, and would
    # wait for ever where the engines have claimed them all.
    context.use_datasource_v2 = False
    folders = split_folders(run, SPLITS)
    return ray.data.read_parquet(
        [folder.path for folder in folders],
        filesystem=folders[0].filesystem,
        columns=["image_id", "sha256", "image"],
        num_cpus=_NO_CPUS,
    ).map_batches(
        AskTeacher,
        fn_constructor_args=(config.teacher, extract, [aspect.question for aspect in aspects], identity, monitor),
        batch_size=extract.batch_size,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=extract.cpus_per_actor,
        num_gpus=extract.gpus_per_actor,
    )


def _enough_actors(extract: ExtractConfig, images: int) -> int:
    """As many engines as the cluster holds, but none without a batch to work on."""
    batches = -(-images // extract.batch_size)
    return min(how_many(cpus=extract.cpus_per_actor, gpus=extract.gpus_per_actor), max(batches, 1))
