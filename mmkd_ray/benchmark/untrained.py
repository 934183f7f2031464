"""A student with its first weights: what its predictions cost does not depend on what it has learnt."""

from __future__ import annotations

from pathlib import Path

import torch

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import StudentConfig
from mmkd_ray.students.bundle import write_bundle
from mmkd_ray.students.card import Card
from mmkd_ray.students.model import StudentInput, build_student, student_input

CLASSES, QUESTIONS = 100, 50


def write_untrained(
    place: Path, config: StudentConfig, *, classes: int = CLASSES, questions: int = QUESTIONS
) -> StudentInput:
    """Write its bundle; gives what images it takes."""
    taken = student_input(config)
    torch.manual_seed(0)
    student = build_student(config, classes=classes, aspects=questions)
    card = Card(
        task="classify",
        identity="benchmark",
        name=config.model,
        model=config.model,
        model_args=config.model_args,
        classes=classes,
        class_names=tuple(f"class {number}" for number in range(classes)),
        questions=tuple(f"Is it as it is said in sentence {number}?" for number in range(questions)),
        image_size=taken.size,
        interpolation=taken.interpolation,
        crop_pct=taken.crop_pct,
        mean=tuple(student.mean.flatten().tolist()),
        std=tuple(student.std.flatten().tolist()),
        metrics={},
    )
    write_bundle(Folder(str(place)), card, student)
    return taken
