"""The evaluation stage: predictions of all students -> `evaluation.json`. Reads artifacts only; needs no cluster."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkd_ray import schema
from mmkd_ray.answers.table import TeacherTable, read_teacher_table
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import load_aspects
from mmkd_ray.config import Config, of_variants
from mmkd_ray.errors import ArtifactError
from mmkd_ray.identity import Identity, identify, settings
from mmkd_ray.metrics.classification import aspect_fidelity, per_class_accuracy, top_k_accuracy
from mmkd_ray.metrics.statistics import mean_and_std, paired_difference
from mmkd_ray.students.targets.arms import BASELINE
from mmkd_ray.study.students import HISTORY, PREDICTIONS, StudentSpec, distinct, trained_students

EVALUATION = "evaluation.json"
RESULTS = "results.parquet"


def evaluate_study(config: Config, run: Run) -> dict[str, Any]:
    """Measure every student on the test split and the shift sets, and compare the arms.

    Accuracies are in [0, 1]. Values for each seed stand in the order of `study.seeds`. Aspect fidelity is measured on
    the validation split: the teacher has answered about its images, and no student has learnt from those answers.

    Returns:
        What `evaluation.json` holds: `classes`, `questions`, `images` (by split), `confidence`, and for each of
        `arms`: `seeds`, `top1`, `top5`, `shift` (by set), `per_class`, `fidelity` (by question, null where undefined),
        `fidelity_mean`, `seconds`, `history`, `difference` and `shift_difference` to the baseline. `arms` are those of
        the first variant; `variants` has them for each, by name. `results.parquet` has a row for each student.

    Raises:
        ArtifactError: a student of the study has not been trained.
    """
    specs, configs = trained_students(config, run), of_variants(config)
    questions = {name: _questions(variant, run) for name, variant in configs.items()}
    read = cache(partial(read_teacher_table, run))  # once for all students with the same questions
    measured = {spec.identity: _measure_student(run, spec, read(questions[spec.variant])) for spec in distinct(specs)}
    variants = {
        name: _measure_variant(variant, [spec for spec in specs if spec.variant == name], measured)
        for name, variant in configs.items()
    }
    record, first = run.require(run.images, "images"), next(iter(variants))
    evaluation = {
        "classes": record["class_names"],
        "questions": list(questions[first]),
        "images": record["images"],
        "confidence": config.evaluate.confidence,
        "arms": variants[first],
        "variants": {name: arms for name, arms in variants.items() if name},
        "study": evaluation_identity(config, specs).key,
    }
    run.folder.write_json(EVALUATION, evaluation)
    run.folder.write_table(RESULTS, _result_rows(specs, measured))
    return evaluation


def read_evaluation(config: Config, run: Run) -> dict[str, Any]:
    """What `evaluate_study` has written for this configuration.

    Raises:
        ArtifactError: it has not.
    """
    identity = evaluation_identity(config, trained_students(config, run)).key
    evaluation = run.folder.read_json(EVALUATION) if run.folder.exists(EVALUATION) else {}
    if evaluation.get("study") != identity:
        raise ArtifactError(f"{run.folder.uri}/{EVALUATION} is not of this study: run `mmkd evaluate CONFIG` first")
    return evaluation


def evaluation_identity(config: Config, specs: Sequence[StudentSpec]) -> Identity:
    """What decides the results of a study."""
    return identify("evaluation", students=[spec.identity for spec in specs], **settings(config.evaluate))


def _questions(config: Config, run: Run) -> tuple[str, ...]:
    return tuple(aspect.question for aspect in load_aspects(config, run))


def _measure_variant(
    config: Config, specs: list[StudentSpec], measured: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """The arms of one variant, each compared with its baseline."""
    arms: dict[str, dict[str, Any]] = {}
    for arm in config.study.arms:
        of_arm = [measured[spec.identity] for spec in specs if spec.arm == arm]
        arms[arm] = _measure_arm(of_arm, config)
    if BASELINE in arms:
        for arm, results in arms.items():
            if arm != BASELINE:
                results.update(_differences(results, arms[BASELINE], config.evaluate.confidence))
    return arms


def _measure_arm(specs: list[dict[str, Any]], config: Config) -> dict[str, Any]:
    shift_sets = list(specs[0]["shift"])
    fidelity_SQ = np.array([spec["fidelity"] for spec in specs])
    return {
        "seeds": list(config.study.seeds),
        "top1": [spec["top1"] for spec in specs],
        "top5": [spec["top5"] for spec in specs],
        "shift": {name: [spec["shift"][name] for spec in specs] for name in shift_sets},
        "per_class": _plain(np.mean([spec["per_class"] for spec in specs], axis=0)),
        "fidelity": _plain(fidelity_SQ.mean(axis=0)),
        "fidelity_mean": _plain(_mean_defined(fidelity_SQ)),
        "seconds": [spec["seconds"] for spec in specs],
        "best_epoch": [spec["best_epoch"] for spec in specs],
        "history": [spec["history"] for spec in specs],
    }


def _measure_student(run: Run, spec: StudentSpec, teacher: TeacherTable) -> dict[str, Any]:
    folder = spec.folder(run)
    record = run.require(folder, "train")
    table = folder.read_table(PREDICTIONS)
    test = _of_split(table, "test")
    shift_sets = sorted(set(table["split"].to_pylist()) - {"train", "val", "test"})
    val = _of_split(table, "val")
    return {
        "top1": top_k_accuracy(test["class_logits"], test["label"], k=1),
        "top5": top_k_accuracy(test["class_logits"], test["label"], k=5),
        "per_class": per_class_accuracy(test["class_logits"], test["label"]),
        "shift": {name: _top1(_of_split(table, name)) for name in shift_sets},
        "val_top1": _top1(val),
        "fidelity": aspect_fidelity(val["aspect_logits"], teacher.p_yes_of(val["image_id"])),
        "seconds": record["seconds"],
        "best_epoch": record["best_epoch"],
        "history": folder.read_json(HISTORY),
    }


def _result_rows(specs: list[StudentSpec], measured: Mapping[str, dict[str, Any]]) -> pa.Table:
    """One row a student: what most people load into a notebook."""
    rows = []
    for spec in specs:
        results = measured[spec.identity]
        shift = list(results["shift"].values())
        rows.append(
            {
                "variant": spec.variant,
                "arm": spec.arm,
                "seed": spec.seed,
                "student": spec.identity,
                "test_top1": results["top1"],
                "test_top5": results["top5"],
                "shift_top1": float(np.mean(shift)) if shift else None,
                "val_top1": results["val_top1"],
                "aspect_fidelity_auc": _plain(_mean_defined(results["fidelity"])),
                "best_epoch": results["best_epoch"],
                "seconds": results["seconds"],
            }
        )
    return pa.Table.from_pylist(rows, schema=schema.RESULTS)


def _top1(rows: dict[str, Any]) -> float:
    return top_k_accuracy(rows["class_logits"], rows["label"], k=1)


def _of_split(table: pa.Table, split: str) -> dict[str, Any]:
    rows = table.filter(pc.field("split") == split)
    return {
        "image_id": rows["image_id"].to_pylist(),
        "label": rows["label"].to_numpy(),
        "class_logits": np.stack(rows["class_logits"].to_numpy()),
        "aspect_logits": np.stack(rows["aspect_logits"].to_numpy()),
    }


def _differences(arm: dict[str, Any], baseline: dict[str, Any], confidence: float) -> dict[str, Any]:
    differences = {"difference": paired_difference(arm["top1"], baseline["top1"], confidence=confidence).as_dict()}
    if arm["shift"]:
        differences["shift_difference"] = paired_difference(
            shift_mean(arm), shift_mean(baseline), confidence=confidence
        ).as_dict()
    return differences


def shift_mean(arm: dict[str, Any]) -> list[float]:
    """Top-1 accuracy over the shift sets (their plain mean), for each seed of a measured arm."""
    return np.mean(list(arm["shift"].values()), axis=0).tolist()


def summarise_arms(arms: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The `arms` of `summary.json`: the numbers that most readers want, for each measured arm."""
    summary = {}
    for arm, measured in arms.items():
        top1_mean, top1_std = mean_and_std(measured["top1"])
        summary[arm] = {
            "seeds": measured["seeds"],
            "top1": measured["top1"],
            "top1_mean": top1_mean,
            "top1_std": top1_std,
            "top5_mean": mean_and_std(measured["top5"])[0],
            "shift_top1_mean": float(np.mean(shift_mean(measured))) if measured["shift"] else None,
            "aspect_fidelity_auc": measured["fidelity_mean"],
            "seconds_mean": mean_and_std(measured["seconds"])[0],
            "difference": measured.get("difference"),
            "shift_difference": measured.get("shift_difference"),
        }
    return summary


def _mean_defined(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _plain(values: Any) -> Any:
    """Plain JSON values: nan becomes null."""
    if isinstance(values, np.ndarray):
        return [_plain(value) for value in values.tolist()]
    return None if math.isnan(values) else values
