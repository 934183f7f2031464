"""The extraction stage: image table and questions -> teacher table, proved complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray
import ray.data

from mmkd_ray.artifacts import Run, fingerprint
from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.cluster.monitor import monitored
from mmkd_ray.config import Config, ExtractConfig, TeacherConfig
from mmkd_ray.data.table import read_splits, split_folders
from mmkd_ray.extract.actor import AskTeacher
from mmkd_ray.extract.checkpoint import content_identity
from mmkd_ray.extract.ledger import prove
from mmkd_ray.extract.table import read_teacher_table

SPLITS = ("train", "val")
"""The teacher is asked about these: train to learn from, val to see how well the student's aspects follow."""

_LIGHT = {"num_cpus": 0}
"""Reading and writing ask for no CPU: the engines may have claimed them all."""


def teacher_identity(teacher: TeacherConfig, aspects: tuple[Aspect, ...], images_digest: str) -> str:
    """What decides a teacher table's numbers: images, questions, the teacher and how it is asked."""
    return fingerprint(
        images=images_digest,
        splits=SPLITS,
        questions=[aspect.question for aspect in aspects],
        teacher=teacher.model_dump(exclude={"model", "revision"}),
        checkpoint=content_identity(teacher),
    )


def ask_teacher(
    config: Config, run: Run, aspects: tuple[Aspect, ...], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Ask the teacher every question about every training and validation image; free if that is done.

    Returns:
        The record: `ledger` (counts), `answer_mass` (mean over images, by question), `answers_per_s`.

    Raises:
        TeacherError: the teacher cannot be loaded or has no single-token answers.
        LedgerError: the table that came out is not complete.
        ClusterError: the cluster cannot hold the engines asked for.
    """
    images = run.require(run.images, "images")
    identity = teacher_identity(config.teacher, aspects, images["digest"])
    if record := run.teacher.finished(identity):
        return record
    run.teacher.delete()
    expected = _expected(run)
    table = run.teacher.child("table")
    with monitored(len(expected), progress) as monitor:
        answers = _answers(config, run, aspects, identity, monitor, len(expected))
        answers.write_parquet(table.path, filesystem=table.filesystem, ray_remote_args=_LIGHT)
    ledger = prove(table.read_table(), expected=expected, questions=len(aspects), quarantined=images["quarantined"])
    run.teacher.write_json(
        "aspects.json",
        [{"id": a.id, "question": a.question, "orientation_sensitive": a.orientation_sensitive} for a in aspects],
    )
    facts = {"ledger": ledger.as_dict(), "images_digest": images["digest"]}
    run.teacher.finish(identity, **facts)
    return {"fingerprint": identity, **facts}


def mean_answer_mass(run: Run) -> dict[str, float]:
    """Mean of P(yes) + P(no) over the images, by question."""
    table = read_teacher_table(run)
    means_Q = table.mass_NQ.mean(axis=0)
    return {aspect.question: float(mean) for aspect, mean in zip(table.aspects, means_Q, strict=True)}


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
        ray_remote_args=_LIGHT,
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
