"""Our own way of asking, as a contender: a run of its own each time, in a process of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray.data
import yaml

from mmkd_ray import schema
from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.verify import verify
from mmkd_ray.artifacts import Run, open_run
from mmkd_ray.benchmark.bench import in_own_process
from mmkd_ray.benchmark.workloads import Workload
from mmkd_ray.cluster.connection import connect
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import Config, validate
from mmkd_ray.data.table import settings_identity
from mmkd_ray.extract.speed import read_speed
from mmkd_ray.extract.stage import ask_teacher
from mmkd_ray.identity import fingerprint

_LOADING_S = 600
"""Longest wait for all engines to be loaded."""


def config_for(folder: Path, workload: Workload, texts: list[str], *, actors: int, **teacher: Any) -> Config:
    """A run of a workload.

    Args:
        folder: a new one: what another run has answered is not asked again.
        workload: teacher and size of a batch.
        texts: the questions.
        actors: engines.
        teacher: the teacher's section, if it is not the workload's model in vLLM.
    """
    folder.mkdir(parents=True)
    place = folder / "questions.yaml"
    place.write_text(yaml.safe_dump(texts), encoding="utf-8")
    return validate(
        {
            "name": "benchmark",
            "data": {"source": "fieldguide"},
            "aspects": {"source": "file", "path": str(place)},
            "teacher": teacher or {"model": workload.model, "prompt": workload.prompt, "dtype": "float32"},
            "extract": {"actors": actors, "batch_size": workload.batch_size, "min_answer_mass": 0.0},
            "storage": {"path": str(folder / "runs")},
        }
    )


def ask(config: Config, images: list[bytes]) -> dict[str, float]:
    """Ask about these images, from image table to teacher table, and say what was measured of the engines."""
    run = open_run(config.storage.path, config.name)
    write_images(run, config, images)
    in_own_process(_extract, config)
    verify(run)
    return speed(run, config)


def speed(run: Run, config: Config) -> dict[str, float]:
    """What was measured of the engines of a run: see `read_speed`."""
    return read_speed(run.answers(teacher_identity(config.teacher).key))


def _extract(config: Config) -> None:
    prepare_process(offline=True)
    # The engines begin together: one that is up first would have the machine for itself, and do most of the work.
    ray.data.DataContext.get_current().wait_for_min_actors_s = _LOADING_S
    with connect(config.cluster):
        ask_teacher(config, open_run(config.storage.path, config.name), lambda *_: None)


def write_images(run: Run, config: Config, images: list[bytes]) -> None:
    """An image table of these pictures, all of them for training."""
    folder = run.refer_to_images(f"benchmark-{config.name}").child("table", "train")
    for start in range(0, len(images), 256):
        rows = [
            {"image_id": f"{number:06}.png", "image": image, "sha256": hashlib.sha256(image).hexdigest(), "label": 0,
             "class_name": "bird", "split": "train"}
            for number, image in enumerate(images[start : start + 256], start=start)
        ]  # fmt: skip
        folder.write_table(f"part-{start // 256:05d}.parquet", pa.Table.from_pylist(rows, schema=schema.IMAGES))
    facts = {"images": {"train": len(images)}, "class_names": ["bird"], "quarantined": 0}
    run.images.finish("benchmark", settings=settings_identity(config), digest=fingerprint(images=len(images)), **facts)
