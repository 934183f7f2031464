"""The extraction stage: image table and questions -> teacher table, proved complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import ray
import ray.data

from mmkd_ray.answers.compacting import compact
from mmkd_ray.answers.identity import SPLITS, require_teacher, table_identity, what_is_asked
from mmkd_ray.answers.reading import Answered, collect, overview, read_answers
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.table import finished_table, read_teacher_table, write_teacher_table
from mmkd_ray.answers.wanted import Wanted, wanted_cells
from mmkd_ray.artifacts import Run
from mmkd_ray.cluster.monitor import ProgressCallback, monitored
from mmkd_ray.config import Config, ImportedTeacher
from mmkd_ray.data.subjects import Subjects
from mmkd_ray.data.table import check_files, require_images
from mmkd_ray.errors import causes, mmkd_cause
from mmkd_ray.extract.actor import AskTeacher, Assignment
from mmkd_ray.extract.plan import Plan, files_with, make_plan, only_todo
from mmkd_ray.extract.pool import pool
from mmkd_ray.extract.reading import read_ahead
from mmkd_ray.extract.speed import SpeedMeter
from mmkd_ray.identity import Identity


def ask_teacher(config: Config, run: Run, progress: ProgressCallback) -> dict[str, Any]:
    """Ask the teacher every question about every training and validation image; what is answered is not asked again.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        progress: called with (images done, images in all, `answers` and `quarantined` so far).

    Returns:
        The record of the teacher table: `fingerprint`, `asked`, `ledger` (its counts).

    Raises:
        TeacherError: the teacher cannot be loaded, or does not answer the questions.
        DataError: more images than `extract.max_bad_fraction` allows cannot be asked.
        LedgerError: the table that came out is not complete.
        ClusterError: the cluster cannot hold the engines asked for.
    """
    if isinstance(config.teacher, ImportedTeacher):
        return require_teacher(config, run)
    images = require_images(config, run)
    asked = what_is_asked(config, run, images)
    identity = table_identity(config, asked).key
    if record := finished_table(run, identity):
        return record
    wanted = wanted_cells(run, asked["questions"], Subjects.of(config))
    store = _answer_missing(config, run, Identity.from_dict(asked["teacher"]), wanted, progress)
    return write_teacher_table(
        run,
        partial(read_answers, store, wanted),
        store.quarantined(),
        wanted,
        identity,
        asked,
        images["quarantined"],
        config.extract,
    )


def answer_cells(config: Config, run: Run, teacher: Identity, wanted: Wanted, progress: ProgressCallback) -> Answered:
    """Have any cells answered, without making a teacher table of them; what is answered is not asked again.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        teacher: `teacher_identity`.
        wanted: images of the splits that the teacher is asked about, and questions.
        progress: as for `ask_teacher`.

    Raises:
        TeacherError, ClusterError: as for `ask_teacher`.
    """
    return collect(_answer_missing(config, run, teacher, wanted, progress), wanted)


def _answer_missing(
    config: Config, run: Run, teacher: Identity, wanted: Wanted, progress: ProgressCallback
) -> AnswerStore:
    store = AnswerStore(run, teacher)
    plan = make_plan(wanted, overview(store, wanted).present_NQ)
    store.begin()
    if plan.images:
        _ask(config, run, wanted, plan, store, progress)
        compact(store)
    return store


def mean_answer_mass(run: Run) -> dict[str, float]:
    """Mean of P(yes) + P(no) over the images, by question."""
    table = read_teacher_table(run)
    return dict(zip(table.questions, table.mass_NQ.mean(axis=0).tolist(), strict=True))


def _ask(config: Config, run: Run, wanted: Wanted, plan: Plan, store: AnswerStore, progress: ProgressCallback) -> None:
    total, meter = len(wanted), SpeedMeter(progress)
    with (
        pool(config.teacher, config.extract, _batches(config, plan)) as options,
        monitored(total, meter, done=total - plan.images) as monitor,
        _damage_named(run),
    ):
        assignment = Assignment(
            teacher=config.teacher,
            extract=config.extract,
            queries=wanted.queries,
            subjects=wanted.subjects,
            ask_PQ=plan.ask_PQ,
            store=store,
            monitor=monitor,
            all_may_fail=plan.images <= config.extract.max_bad_fraction * total,
        )
        _drive(_images(config, run, wanted.subjects, plan, readers=options["compute"].max_size), assignment, options)
        engines = ray.get(monitor.engines.remote())
    meter.write(store.folder, engines, actors=options["compute"].max_size)


def _drive(images: ray.data.Dataset, assignment: Assignment, options: dict[str, Any]) -> None:
    """Have every image asked about; the actors write the answers themselves."""
    asked = images.map_batches(
        AskTeacher,
        fn_constructor_args=(assignment,),
        batch_size=assignment.extract.batch_size,
        batch_format="pyarrow",
        zero_copy_batch=True,
        **options,
    )
    for _ in asked.iter_batches(batch_size=None):
        pass


@contextmanager
def _damage_named(run: Run) -> Iterator[None]:
    """Ray's reader of tables says neither which file is damaged nor what to do: on its errors, look for it."""
    try:
        yield
    except Exception as error:
        of_a_file = any(isinstance(cause, (OSError, pa.ArrowException)) for cause in causes(error))
        if of_a_file and mmkd_cause(error) is None:
            check_files(run, SPLITS)
        raise


def _images(config: Config, run: Run, subjects: Subjects, plan: Plan, *, readers: int) -> ray.data.Dataset:
    """The subjects that lack an answer, a batch a block, with their images encoded as they were found.

    Reading asks for no CPU, because the engines may have claimed them all; so the number of readers is limited here, or
    Ray would start a process for every file.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # The second version of Ray 2.60's Parquet source lists its files in a task that insists on a whole CPU, and would
    # wait for ever where the engines have claimed them all.
    context.use_datasource_v2 = False
    files = files_with(run, plan.todo, subjects)
    context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(
        object_store_memory=read_ahead(files[0], batch_size=config.extract.batch_size, engines=readers)
    )
    todo = ray.put(plan.todo)
    return ray.data.read_parquet(
        [f"{folder.path}/{name}" for folder, name in files],
        filesystem=files[0][0].filesystem,
        columns=[*subjects.columns, "image"],
        num_cpus=0,
        concurrency=min(readers, len(files)),
        # Blocks of a batch: an engine that is done early takes the next from what another would have had.
        override_num_blocks=_batches(config, plan),
    ).map_batches(
        partial(_keep_todo, todo=todo, subjects=subjects),
        batch_format="pyarrow",
        batch_size=None,
        num_cpus=0,
        compute=ray.data.TaskPoolStrategy(size=min(readers, _batches(config, plan))),
    )


def _keep_todo(block: pa.Table, *, todo: ray.ObjectRef, subjects: Subjects) -> pa.Table:
    # Two arrays in the object store, which every process of a node reads in place.
    return only_todo(block, ray.get(todo), subjects)


def _batches(config: Config, plan: Plan) -> int:
    return max(1, -(-plan.images // config.extract.batch_size))
