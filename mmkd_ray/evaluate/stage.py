"""The evaluation stage: predictions of all students -> `evaluation.json`, `results.parquet`, `students.parquet`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.answers.by_class import answers_by_class
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import load_aspects
from mmkd_ray.config import ARMS, BASELINE, Config, of_variants
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError, ConfigError, few
from mmkd_ray.evaluate.compare import Comparison
from mmkd_ray.evaluate.evaluation import Evaluation, evaluation_identity, write_evaluation
from mmkd_ray.evaluate.further import corruption_values
from mmkd_ray.evaluate.images import count_subgroups, read_measured_images
from mmkd_ray.evaluate.measure import Measured, measure_student
from mmkd_ray.evaluate.pieces import pieces_of
from mmkd_ray.study.students import StudentSpec, distinct, trained_students
from mmkd_ray.tasks import Task, task_of

RESULTS, STUDENTS = "results.parquet", "students.parquet"


def evaluate_study(config: Config, run: Run) -> Evaluation:
    """Measure every student on the test split and the shift sets, and compare the arms; reads artifacts only.

    Returns:
        What `evaluation.json` holds. Beside it: `results.parquet` has a row for each number that was measured of a
        student (`schema.RESULTS`), `students.parquet` one for each student of the study (`schema.STUDENTS`).

    Raises:
        ArtifactError: a student of the study has not been trained, or its predictions have not been made.
        ConfigError: `evaluate.restricted_splits` names a split that there is not.
    """
    specs, configs, task = trained_students(config, run), of_variants(config), task_of(config)
    questions = {name: _questions(variant, run) for name, variant in configs.items()}
    read = cache(partial(read_teacher_table, run))  # once for all students with the same questions
    images = require_images(config, run)
    judged = [split for split in images["images"] if split not in ("train", "val")]
    _check_restricted(config.evaluate.restricted_splits, judged)
    subgroups = config.data.subgroups
    judged_images = read_measured_images(run, judged, has_groups=bool(config.data.objects), has_subgroups=subgroups)
    in_training = count_subgroups(run, "train") if subgroups else None
    answers = cache(lambda asked: answers_by_class(run, read(asked)))
    measured: dict[str, Measured] = {}
    for spec in distinct(specs):
        pieces = pieces_of(spec, images)
        if missing := [str(piece) for piece in pieces if not piece.is_done(run)]:
            raise ArtifactError(f"no predictions yet of {missing[0]}: run `mmkd evaluate CONFIG` first")
        asked = questions[spec.variant]
        measured[spec.identity] = measure_student(
            run, task, spec, pieces, read(asked), judged_images,
            in_training=in_training, class_answers_CQ=answers(asked) if ARMS[spec.arm].aspects else None,
        )  # fmt: skip
    measured = _with_corruption_errors(task, specs, measured)
    comparison = Comparison(
        config.evaluate.confidence,
        task.primary,
        {split: images_of.clusters_N for split, images_of in judged_images.items()},
    )
    evaluation = Evaluation(
        study=evaluation_identity(config, specs).key,
        task=task.name,
        classes=tuple(images["class_names"]),
        questions=next(iter(questions.values())),
        images=images["images"],
        confidence=config.evaluate.confidence,
        variants={
            name: comparison.arms(
                _by_arm(variant, [spec for spec in specs if spec.variant == name], measured), variant.study.seeds
            )
            for name, variant in configs.items()
        },
    )
    write_evaluation(run, evaluation)
    run.folder.write_table(RESULTS, _result_table(specs, measured))
    run.folder.write_table(STUDENTS, _student_table(specs, measured))
    return evaluation


def _check_restricted(restricted: Iterable[str], judged: Sequence[str]) -> None:
    if unknown := [split for split in restricted if split not in judged]:
        accepted = few(judged, near=unknown[0])
        raise ConfigError(f"evaluate.restricted_splits: there is no split '{unknown[0]}'; accepted are {accepted}")


def _questions(config: Config, run: Run) -> tuple[str, ...]:
    return tuple(aspect.question for aspect in load_aspects(config, run))


def _with_corruption_errors(
    task: Task, specs: list[StudentSpec], measured: Mapping[str, Measured]
) -> dict[str, Measured]:
    """The students with what is normalised by the baseline's student of their variant and seed."""
    baselines = {(spec.variant, spec.seed): measured[spec.identity] for spec in specs if spec.arm == BASELINE}
    found = dict(measured)
    for spec in specs:
        if (baseline := baselines.get((spec.variant, spec.seed))) is not None:
            student = measured[spec.identity]
            more = corruption_values(task, student.values, baseline.values)
            found[spec.identity] = replace(student, values=(*student.values, *more))
    return found


def _by_arm(config: Config, specs: list[StudentSpec], measured: Mapping[str, Measured]) -> dict[str, list[Measured]]:
    return {arm: [measured[spec.identity] for spec in specs if spec.arm == arm] for arm in config.study.arms}


def _result_table(specs: list[StudentSpec], measured: Mapping[str, Measured]) -> pa.Table:
    rows = [
        {**_named(spec), **vars(value), "value": None if math.isnan(value.value) else value.value}
        for spec in specs
        for value in measured[spec.identity].values
    ]
    return pa.Table.from_pylist(rows, schema=schema.RESULTS)


def _student_table(specs: list[StudentSpec], measured: Mapping[str, Measured]) -> pa.Table:
    columns = ("best_epoch", "seconds", "workers")
    rows = [
        {**_named(spec), "epochs": len(found.history), **{column: found.record[column] for column in columns}}
        for spec in specs
        for found in [measured[spec.identity]]
    ]
    return pa.Table.from_pylist(rows, schema=schema.STUDENTS)


def _named(spec: StudentSpec) -> dict[str, str | int]:
    return {"variant": spec.variant, "arm": spec.arm, "seed": spec.seed, "student": spec.identity}
