"""What a study will take, before it is run: students, epochs, answers, hours."""

from __future__ import annotations

from collections.abc import Sequence

from mmkd_ray.answers.identity import SPLITS
from mmkd_ray.answers.needs import queries_to_ask
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config, ImportedTeacher, of_variants
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError, DataError
from mmkd_ray.students.model import check_student
from mmkd_ray.study.students import distinct, larger_students, list_students
from mmkd_ray.tasks import task_of


def describe_study(config: Config, run: Run, *, seconds_per_epoch: float | None = None) -> list[str]:
    """Lines for a person; makes nothing, asks nothing, and does not need the images in reach.

    Args:
        config: the run's configuration.
        run: where it would be stored; what is finished there counts as done.
        seconds_per_epoch: of one student; as measured by the finished students of the run if unset.

    Raises:
        StudentError: timm has no such model.
        ConfigError: no student learns from such images.
    """
    task_of(config)
    for variant in of_variants(config).values():
        check_student(variant.student)
    counts, class_names, line = _images(config, run)
    return [*_students(config, run, seconds_per_epoch), line, _answers_line(config, run, counts, class_names)]


def _students(config: Config, run: Run, seconds_per_epoch: float | None) -> list[str]:
    lines, total, epochs = [], 0, 0
    for name, variant in of_variants(config).items():
        study = variant.study
        students_here = len(study.arms) * len(study.seeds)
        total, epochs = total + students_here, epochs + students_here * variant.train.epochs
        lines.append(
            f"variant   {name or 'the only one'}: {variant.student.model}, {variant.train.epochs} epochs of batch "
            f"{variant.train.batch_size}; {len(study.arms)} arms ({', '.join(study.arms)}) x {len(study.seeds)} seeds"
        )
    try:
        specs = list_students(config, run)
    except ArtifactError:
        return [*lines, f"students  {total}, none trained", *_time(config, epochs, seconds_per_epoch)]
    students = distinct([*larger_students(specs), *specs])
    done = [spec for spec in students if spec.folder(run).finished(spec.identity)]
    epochs = sum(spec.config.train.epochs for spec in students) - sum(spec.config.train.epochs for spec in done)
    if done and seconds_per_epoch is None:
        seconds = sum(spec.folder(run).record()["seconds"] for spec in done)  # pyrefly: ignore (finished: there is one)
        seconds_per_epoch = seconds / sum(spec.config.train.epochs for spec in done)
    return [
        *lines,
        f"students  {len(students)} different ones, {len(done)} of them trained",
        *_time(config, epochs, seconds_per_epoch),
    ]


def _time(config: Config, epochs: int, seconds_per_epoch: float | None) -> list[str]:
    if seconds_per_epoch is None:
        return [f"training  {epochs:,} epochs; give --seconds-per-epoch (of one student) for hours"]
    cluster = config.cluster
    hours = epochs * seconds_per_epoch / 3600
    gpus = cluster.gpus_per_train_worker * cluster.least_train_workers
    spent = f"{hours * gpus:,.2f} GPU-hours" if gpus else f"{hours * cluster.cpus_per_train_worker:,.2f} core-hours"
    lanes = cluster.lanes or 1
    at_a_time = f"{lanes} student{'s' if lanes > 1 else ''} at a time"
    rate = f"{epochs:,} epochs at {seconds_per_epoch:.2f} s"
    return [f"training  {rate}: {spent}; {hours / lanes:,.2f} h with {at_a_time}"]


def _images(config: Config, run: Run) -> tuple[dict[str, int], Sequence[str], str]:
    """Images by split, or all of them together if there is no image table yet; names of classes; the line about it."""
    try:
        record = require_images(config, run)
        counts, class_names = record["images"], record["class_names"]
    except ArtifactError:
        try:
            source = open_source(config)
        except DataError as error:
            return {}, [], f"images    not in reach: {error}"
        counts, class_names = {"in all splits": len(source)}, source.class_names
    return counts, class_names, f"images    {', '.join(f'{count:,} {split}' for split, count in counts.items())}"


def _answers_line(config: Config, run: Run, counts: dict[str, int], class_names: Sequence[str]) -> str:
    try:
        questions = len(queries_to_ask(config, run, class_names))
    except ArtifactError:
        return "teacher   its questions are not selected yet: `mmkd aspects` does it"
    if isinstance(config.teacher, ImportedTeacher):
        return f"teacher   answers to {questions} questions are imported"
    asked = sum(counts.get(split, 0) for split in SPLITS)
    if not asked:
        return f"teacher   {questions} questions about every training and validation image"
    return f"teacher   {asked:,} images x {questions} questions = {asked * questions:,} answers; `mmkd plan` says more"
