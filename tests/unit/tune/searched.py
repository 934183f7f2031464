"""Small runs to search on: pictures that can be learnt, a teacher table without a teacher, undecodable test images."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from PIL import Image

from mmkd_ray import schema
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config, validate
from mmkd_ray.data.table import settings_identity
from mmkd_ray.extract.identity import teacher_facts

CLASSES = ("blue", "green", "red")
QUESTIONS = tuple(f"Is it as it is said in sentence {number}?" for number in range(8))
STUDENT = {
    "model": "resnet18",
    "model_args": {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8], "stem_type": "deep", "stem_width": 4},
    "image_size": 16,
}


def make(root: Path, run: Run, *, asked: int = len(QUESTIONS), **sections: Any) -> Config:
    """A configuration and its run, with a teacher table of the first `asked` questions."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "questions.yaml").write_text(yaml.safe_dump(list(QUESTIONS)))
    config = validate(
        {
            "name": "test",
            "data": {"source": "folder", "path": "/nowhere"},
            "aspects": {"source": "file", "path": str(root / "questions.yaml"), "count": 4},
            "teacher": {"kind": "imported", "name": "nobody"},
            "student": STUDENT,
            "train": {"epochs": 4, "batch_size": 12, "lr": 0.05},
            "storage": {"path": run.folder.uri.rpartition("/")[0]},
            **sections,
        }
    )
    rows = _rows()
    _write_images(config, run, rows)
    _write_teacher(config, run, [row for row in rows if row["split"] != "test"], QUESTIONS[:asked])
    return config


def _rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows = []
    for split, count in {"train": 12, "val": 8, "test": 4}.items():
        for label, name in enumerate(CLASSES):
            for number in range(count):
                image = b"no image at all" if split == "test" else _picture(rng, label)
                rows.append(
                    {
                        "image_id": f"{split}/{name}/{number}.png",
                        "image": image,
                        "sha256": hashlib.sha256(image).hexdigest(),
                        "label": label,
                        "class_name": name,
                        "split": split,
                    }
                )
    return rows


def _picture(rng: np.random.Generator, label: int) -> bytes:
    pixels = rng.integers(0, 200, (16, 16, 3))
    pixels[..., label] += 55
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _write_images(config: Config, run: Run, rows: list[dict[str, Any]]) -> None:
    counts = {split: sum(row["split"] == split for row in rows) for split in ("train", "val", "test")}
    for split in counts:
        table = pa.Table.from_pylist([row for row in rows if row["split"] == split], schema=schema.IMAGES)
        run.images.child("table", split).write_table("part-00000.parquet", table)
    run.images.finish(
        "images",
        settings=settings_identity(config),
        images=counts,
        class_names=list(CLASSES),
        quarantined=0,
        digest="d",
    )


def _write_teacher(config: Config, run: Run, rows: list[dict[str, Any]], questions: tuple[str, ...]) -> None:
    rng = np.random.default_rng(1)
    p_yes = rng.uniform(0.02, 0.98, (len(rows), len(questions)))
    table = pa.table(
        {
            "image_id": [row["image_id"] for row in rows],
            "sha256": [row["sha256"] for row in rows],
            "log_p_yes": schema.fixed_size_rows(np.log(p_yes)),
            "log_p_no": schema.fixed_size_rows(np.log(1 - p_yes)),
        },
        schema=schema.teacher(len(questions)),
    )
    run.teacher.child("table").write_table("part-00000.parquet", table)
    run.teacher.write_json("questions.json", [{"question": question} for question in questions])
    asked = {"images": "d", "teacher": teacher_facts(config.teacher), "questions": list(questions)}
    run.teacher.finish("teacher", asked=asked, ledger={"questions": len(questions)})
