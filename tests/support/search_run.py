"""Small runs to search on: pictures that can be learnt, a teacher table without a teacher, undecodable test images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.ledger import Ledger
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config, validate
from tests.support.tables import image_row, write_answers, write_image_table

CLASSES = ("blue", "green", "red")
QUESTIONS = tuple(f"Is it as it is said in sentence {number}?" for number in range(8))
STUDENT = {
    "model": "resnet18",
    "model_args": {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8], "stem_type": "deep", "stem_width": 4},
    "image_size": 16,
}


def make(
    root: Path,
    run: Run,
    *,
    asked: int = len(QUESTIONS),
    readable: bool = False,
    shape: tuple[int, int] = (16, 16),
    **sections: Any,
) -> Config:
    """A configuration and its run, with a teacher table of the first `asked` questions.

    Its test images cannot be decoded, unless they are to be `readable`: a search must never look at them.
    """
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
    rows = _rows(readable, shape)
    write_image_table(config, run, rows, CLASSES)
    _write_teacher(config, run, [row for row in rows if row["split"] != "test"], QUESTIONS[:asked])
    return config


def _rows(readable: bool, shape: tuple[int, int]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows = []
    for split, count in {"train": 12, "val": 8, "test": 4}.items():
        for label, name in enumerate(CLASSES):
            for number in range(count):
                image = _picture(rng, label, shape) if readable or split != "test" else b"no image at all"
                row = image_row(f"{split}/{name}/{number}.png", image, label=label, class_name=name, split=split)
                rows.append(row)
    return rows


def _picture(rng: np.random.Generator, label: int, shape: tuple[int, int]) -> bytes:
    pixels = rng.integers(0, 200, (shape[1], shape[0], 3))
    pixels[..., label] += 55
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _write_teacher(config: Config, run: Run, rows: list[dict[str, Any]], questions: tuple[str, ...]) -> None:
    rng = np.random.default_rng(1)
    p_yes = rng.uniform(0.02, 0.98, (len(rows), len(questions)))
    write_answers(run, rows, questions, p_yes)
    asked = {"images": "d", "teacher": teacher_identity(config.teacher).as_dict(), "questions": list(questions)}
    cells = len(rows) * len(questions)
    ledger = Ledger(len(rows), len(rows), len(questions), cells, cells, missing=0, duplicated=0, quarantined=0)
    run.teacher.finish("teacher", asked=asked, ledger=ledger.as_dict())
