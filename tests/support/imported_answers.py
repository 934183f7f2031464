"""Runs to import a teacher's answers into: an image table with ids of one's choice, and files of answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config, validate
from tests.support.tables import image_row, write_image_table

FLOWERS = Path(__file__).parents[3] / "shared" / "data" / "internvl2_flowers102"
QUESTIONS = ("Is it red?", "Is it blue?")

needs_flowers = pytest.mark.skipif(not FLOWERS.is_dir(), reason="the real InternVL2 answers are not here")


def config_for(root: Path, questions=QUESTIONS, *, teacher=None, images="nowhere", **more) -> Config:
    path = root / f"questions-{hashlib.sha256(repr(questions).encode()).hexdigest()[:8]}.yaml"
    path.write_text(yaml.safe_dump(list(questions)))
    return validate(
        {
            "name": "t",
            "data": {"source": "folder", "path": str(images)},
            "aspects": {"source": "file", "path": str(path)},
            "teacher": teacher or {"kind": "imported", "name": "internvl2-8b"},
            **more,
        }
    )


def write_images(config: Config, run: Run, **ids_by_split) -> None:
    """An image table of images that are never looked at."""
    rows = [
        image_row(image_id, image_id.encode(), label=row % 2, class_name="ab"[row % 2], split=split)
        for split, ids in ids_by_split.items()
        for row, image_id in enumerate(ids)
    ]
    digest = hashlib.sha256(repr(ids_by_split).encode()).hexdigest()
    write_image_table(config, run, rows, "ab", digest=digest)


def write_file(root: Path, content, name="p_yes.json") -> str:
    """Text as it is; a dict as one JSON object; a list of pairs as one object a line."""
    if isinstance(content, list):
        content = "\n".join(json.dumps({key: values}) for key, values in content) + "\n"
    (root / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(root / name)
