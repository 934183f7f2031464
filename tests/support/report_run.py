"""Small runs written as the stages write them: image table, teacher table, predictions; then really evaluated."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from PIL import Image

from mmkd_ray import schema
from mmkd_ray.answers.identity import what_is_asked
from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.config import Config, validate
from mmkd_ray.evaluate.evaluation import Evaluation
from mmkd_ray.evaluate.pieces import PREDICTIONS, pieces_of
from mmkd_ray.evaluate.stage import evaluate_study
from mmkd_ray.identity import fingerprint
from mmkd_ray.study.students import StudentSpec, list_students
from tests.support.tables import image_row, write_answers, write_image_table

SPLITS = ("train", "val", "test")


@dataclass
class Plan:
    """What a synthetic run looks like. `right` is the number of test images each seed of an arm recognises."""

    classes: tuple[str, ...] = ("Tavi brosk", "Orl fennick", "Sut marrel")
    questions: tuple[str, ...] = ("Does the bird have a crest?", "Is the bird flying?", "Is there snow?")
    right: dict[str, list[int]] = field(default_factory=lambda: {"ce": [20, 21, 19], "makd": [25, 26, 25]})
    nested: bool = True
    """Whether the images that are recognised are among those that a better student recognises; else any."""
    images_per_class: int = 12
    group_size: int = 0
    """So many images of a class show one object each, by `data.group`; 0: it is not set."""
    shift_sets: tuple[str, ...] = ("shift",)
    epochs: int = 5
    image_side: int = 16
    constant_teacher: bool = False
    quarantined: tuple[tuple[str, str], ...] = ()
    answer_mass: bool = True
    name: str = "synthetic"


@dataclass(frozen=True)
class Made:
    config: Config
    run: Run
    summary: dict[str, Any]
    evaluation: Evaluation


def make(root: Path, plan: Plan) -> Made:
    seeds = list(range(len(next(iter(plan.right.values())))))
    questions = root / "questions.yaml"
    root.mkdir(parents=True, exist_ok=True)
    questions.write_text(yaml.safe_dump(list(plan.questions)))
    config = validate(
        {
            "name": plan.name,
            "data": {"source": "folder", "path": "/data/birds", **({"group": "(x)"} if plan.group_size else {})},
            "aspects": {"source": "file", "path": str(questions)},
            "study": {"arms": list(plan.right), "seeds": seeds},
            "train": {"epochs": plan.epochs},
            "storage": {"path": str(root)},
        }
    )
    run = open_run(str(root), plan.name)
    images = image_rows(plan)
    write_images(config, run, images, plan)
    write_teacher(config, run, images, plan)
    for cell in list_students(config, run):
        write_cell(cell, run, images, plan)
    evaluation = evaluate_study(config, run)
    asked = [row for row in images if row["split"] in ("train", "val")]
    cells = len(asked) * len(plan.questions)
    summary = {
        "name": plan.name,
        "ledger": {
            "images": len(asked),
            "questions": len(plan.questions),
            "expected": cells,
            "present": cells,
            "missing": 0,
            "duplicated": 0,
            "quarantined": len(plan.quarantined),
        },
        "seconds": {"images": 1.2, "extract": 75.0, "train": 180.4, "evaluate": 0.3},
        "versions": {"mmkd_ray": "0.1.0", "python": "3.11.9", "ray": "2.60.0"},
    }
    if plan.answer_mass:
        summary["answer_mass"] = dict.fromkeys(plan.questions, 0.97)
    return Made(config, run, summary, evaluation)


def png(rng: np.random.Generator, side: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def image_rows(plan: Plan) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows = []
    for split in (*SPLITS, *plan.shift_sets):
        for label, name in enumerate(plan.classes):
            for number in range(plan.images_per_class):
                image = png(rng, plan.image_side)
                row = image_row(f"{split}/{name}/{number}.png", image, label=label, class_name=name, split=split)
                if plan.group_size:
                    row["group"] = f"{split} {name} {number // plan.group_size}"
                rows.append(row)
    return rows


def write_images(config: Config, run: Run, rows: list[dict], plan: Plan) -> None:
    bad = [{"path": path, "reason": reason} for path, reason in plan.quarantined]
    digest = fingerprint(images=[row["sha256"] for row in rows])
    write_image_table(config, run, rows, plan.classes, quarantine=bad, digest=digest)


def write_teacher(config: Config, run: Run, images: list[dict], plan: Plan) -> None:
    rng = np.random.default_rng(1)
    asked = [row for row in images if row["split"] in ("train", "val")]
    p_yes = rng.uniform(0.02, 0.98, (len(asked), len(plan.questions)))
    if plan.constant_teacher:
        p_yes = p_yes * 0.4
    write_answers(run, asked, plan.questions, p_yes, mass=0.97)
    asked = what_is_asked(config, run, run.images.record())
    run.teacher.finish("teacher", asked=asked, ledger={"questions": len(plan.questions)})


def write_cell(cell: StudentSpec, run: Run, images: list[dict], plan: Plan) -> None:
    arm, seed = cell.arm, cell.seed
    rng = np.random.default_rng([2, list(plan.right).index(arm), seed])
    held_out = [row for row in images if row["split"] != "train"]
    labels = np.array([row["label"] for row in held_out])
    is_right = np.arange(len(held_out)) % 2 == 0
    test = np.array([row["split"] == "test" for row in held_out])
    order = np.random.default_rng(3).permutation(test.sum()) if plan.nested else rng.permutation(test.sum())
    is_right[test] = order < plan.right[arm][seed]
    predicted = np.where(is_right, labels, (labels + 1) % len(plan.classes))
    class_logits = np.eye(len(plan.classes))[predicted] * 3 + rng.normal(0, 0.1, (len(labels), len(plan.classes)))
    table = pa.table(
        {
            "image_id": [row["image_id"] for row in held_out],
            "split": [row["split"] for row in held_out],
            "label": pa.array(labels, pa.int32()),
            "class_logits": fixed(class_logits),
            "aspect_logits": fixed(rng.normal(0, 1, (len(labels), len(plan.questions)))),
        },
        schema=schema.predictions(len(plan.classes), len(plan.questions)),
    )
    folder = cell.folder(run)
    for piece in pieces_of(cell, run.images.record()):
        piece.folder(run).write_table(PREDICTIONS, table)
        piece.folder(run).finish(piece.identity)
    history = [
        {"epoch": e, "loss": 1.0, "lr": 0.1, "val_top1": 0.6 * (1 - 0.7**e) + 0.01 * seed, "seconds": 1.5}
        for e in range(plan.epochs)
    ]
    folder.write_json("history.json", history)
    folder.finish(cell.identity, arm=arm, seed=seed, best_epoch=plan.epochs - 1, seconds=1.5 * plan.epochs, workers=1)


def fixed(values_NK: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values_NK.ravel(), pa.float32()), values_NK.shape[1])
