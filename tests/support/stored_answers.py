"""Runs with a stored teacher table, made without a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.query import Query
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config, validate
from tests.support.tables import image_row, write_answers, write_image_table

CLASSES = ("heron", "owl")
IMPORTED = {"kind": "imported", "name": "internvl2-8b"}
RANDOM = {"kind": "no_inference"}
"""A teacher that is no imported one, and has no checkpoint to look into."""


def rows(train: int = 40, val: int = 4) -> list[dict[str, Any]]:
    """Images, never looked at, of the two classes in turn."""
    return [
        image_row(f"{split}/{n:03d}.png", f"{split}{n}".encode(), label=n % 2, class_name=CLASSES[n % 2], split=split)
        for split, count in (("train", train), ("val", val))
        for n in range(count)
    ]


def config_for(
    root: Path, questions: str | Sequence[Any], *, teacher: Any = None, aspects: Any = None, **more: Any
) -> Config:
    """A configuration with a file of questions, given as text or as entries."""
    path = root / "questions.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(questions if isinstance(questions, str) else yaml.safe_dump(list(questions), sort_keys=False))
    return validate(
        {
            "name": "test",
            "data": {"source": "folder", "path": "/nowhere"},
            "aspects": {"source": "file", "path": str(path), **(aspects or {})},
            "teacher": teacher or IMPORTED,
            "pilot": {"bootstrap": 20},
            "storage": {"path": str(root / "runs")},
            **more,
        }
    )


def write_teacher(
    config: Config,
    run: Run,
    images: list[dict[str, Any]],
    questions: Sequence[Query | str],
    p_yes_NQ: np.ndarray,
    *,
    mass: float = 0.9,
    identity: str = "table",
) -> None:
    """A finished teacher table of these images, in the place of another one."""
    run.teacher.delete()
    write_answers(run, images, questions, p_yes_NQ, mass=mass)
    digest = (run.images.record() or {}).get("digest")
    asked = {
        "images": digest,
        "teacher": teacher_identity(config.teacher).as_dict(),
        "questions": [Query.of(question).as_json() for question in questions],
    }
    run.teacher.finish(identity, asked=asked, ledger={"questions": len(questions)})


def write_run(config: Config, run: Run, questions: Sequence[str], p_yes_NQ: np.ndarray, **more: Any) -> None:
    """The image table of `rows()` and a teacher table about all of them."""
    write_image_table(config, run, rows(), CLASSES)
    write_teacher(config, run, rows(), questions, p_yes_NQ, **more)
