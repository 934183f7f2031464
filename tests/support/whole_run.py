"""A small run with everything on storage that the stages leave, made by the stages' own functions without a cluster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.wanted import wanted_cells
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.data.building import build_image_table
from mmkd_ray.evaluate.evaluation import read_evaluation
from mmkd_ray.evaluate.pieces import study_pieces
from mmkd_ray.evaluate.stage import evaluate_study
from mmkd_ray.evaluate.worker import predict_pieces
from mmkd_ray.extract.needs import needs_asking
from mmkd_ray.extract.stage import ask_teacher
from mmkd_ray.report.summary import write_summary
from mmkd_ray.study.students import list_students
from tests.support import stored_answers as stored
from tests.support.bundles import write_students
from tests.support.toy_student import STUDENT

QUESTIONS = ["Is it red?", "Is it blue?"]


def config_for(root: Path) -> Config:
    """Two classes of 10 pictures each, two students."""
    rng = np.random.default_rng(0)
    for label, name in enumerate("ab"):
        for number in range(10):
            pixels = rng.integers(0, 90, (16, 16, 3), dtype=np.uint8)
            pixels[..., label] += 120
            path = root / "images" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return stored.config_for(
        root,
        QUESTIONS,
        teacher=stored.RANDOM,
        data={"source": "folder", "path": str(root / "images")},
        student=STUDENT.model_dump(),
        train={"epochs": 1, "batch_size": 8},
        study={"arms": ["ce", "makd"], "seeds": [0]},
    )


def do_all(config: Config, run: Run) -> None:
    """Do what is not done yet, as `mmkd run` does."""
    build_image_table(config, run, lambda *_: None)
    if needs_asking(config, run):
        _answer(config, run)
    ask_teacher(config, run, lambda *_: None)
    if not all(spec.folder(run).finished(spec.identity) for spec in list_students(config, run)):
        write_students(config, run)
    for piece in study_pieces(config, run):
        if not piece.is_done(run):
            predict_pieces([piece], run, torch.device("cpu"))
    evaluate_study(config, run)
    write_summary(config, run, read_evaluation(config, run), answer_mass={}, seconds={})


def _answer(config: Config, run: Run) -> None:
    """Answers about all images, in the place of an engine."""
    store, wanted = AnswerStore(run, teacher_identity(config.teacher)), wanted_cells(run, QUESTIONS)
    store.begin()
    ids, shas = wanted.image_ids, wanted.images["sha256"].to_pylist()
    log_p = np.log(np.random.default_rng(0).uniform(0.1, 0.5, (len(ids), len(QUESTIONS))).astype(np.float32))
    queries = [Query(text) for text in QUESTIONS]
    store.write(store.name(ids, shas, queries), ids, shas, queries, Answers(log_p, log_p))
