"""Sample images with the teacher's answers beside them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32
from PIL import Image

from mmkd_ray.answers.table import TeacherTable
from mmkd_ray.artifacts import Run
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.encoded import encoded_images
from mmkd_ray.data.table import read_splits, split_folders

SPLITS = ("train", "val")
"""The splits that the teacher is asked about."""
SAMPLES = 8
CONFIDENT, DISTINCTIVE = 4, 3
"""Answers shown of an image: the surest Yes, and those that differ most from the mean over all images."""
MAX_SIDE = 224
"""Longer side of a thumbnail in pixels."""
SMALL_SIDE = 96
"""Images up to this size are kept as they are and drawn with sharp pixels."""


@dataclass(frozen=True)
class Answer:
    """One of the teacher's answers."""

    question: str
    p_yes: float
    mean_p_yes: float
    """Over all images that the teacher saw."""


@dataclass(frozen=True)
class Sample:
    """An image with answers."""

    image_id: str
    class_name: str
    data_uri: str
    is_small: bool
    confident: list[Answer]
    distinctive: list[Answer]


def gallery(run: Run, teacher: TeacherTable, *, count: int = SAMPLES) -> list[Sample]:
    """A few images that the teacher saw, spread over the classes; the same ones every time."""
    rows = read_splits(run, SPLITS, columns=["image_id", "label"])
    seen = set(teacher.image_ids)
    rows = rows.filter(pa.array([image_id in seen for image_id in rows["image_id"].to_pylist()], pa.bool_()))
    chosen = [rows["image_id"][row].as_py() for row in spread(rows["label"].to_numpy(), count=count)]
    if not chosen:
        return []
    p_yes_MQ, mean_Q = teacher.p_yes_of(chosen), teacher.p_yes_NQ.mean(axis=0)
    questions = list(teacher.questions)
    images = read_images(run, chosen)
    return [
        _sample(images[image_id], questions, p_yes_Q, mean_Q)
        for image_id, p_yes_Q in zip(chosen, p_yes_MQ, strict=True)
    ]


def spread(labels_N: np.ndarray, *, count: int) -> list[int]:
    """Up to `count` rows, of classes evenly apart, and from all over each class's rows."""
    classes = np.unique(labels_N)
    chosen: list[int] = []
    for k in range(min(count, len(labels_N))):
        label = classes[k * len(classes) // count] if len(classes) >= count else classes[k % len(classes)]
        rows = [row for row in np.flatnonzero(labels_N == label).tolist() if row not in chosen]
        if rows:
            chosen.append(rows[k * len(rows) // count])
    return chosen


def select_answers(
    questions: list[str], p_yes_Q: Float32[np.ndarray, " Q"], mean_Q: Float32[np.ndarray, " Q"]
) -> tuple[list[Answer], list[Answer]]:
    """The surest Yes answers (of equals, the rarer), and of the others those farthest from the mean."""
    answers = [Answer(*row) for row in zip(questions, p_yes_Q.tolist(), mean_Q.tolist(), strict=True)]
    yes = sorted((a for a in answers if a.p_yes > 0.5), key=lambda a: (-round(a.p_yes, 2), a.mean_p_yes))
    confident = yes[:CONFIDENT]
    others = [answer for answer in answers if answer not in confident]
    distinctive = sorted(others, key=lambda a: -abs(a.p_yes - a.mean_p_yes))
    return confident, distinctive[:DISTINCTIVE]


def thumbnail(encoded: bytes, *, max_side: int = MAX_SIDE) -> tuple[str, bool]:
    """A `data:` URI of the image, at most `max_side` long, and whether it was too small to be scaled."""
    image = decode_rgb(encoded)
    if is_small := max(image.size) <= SMALL_SIDE:
        return _data_uri(image, "PNG"), is_small
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return _data_uri(image, "JPEG"), is_small


def _data_uri(image: Image.Image, form: str) -> str:
    stream = io.BytesIO()
    image.save(stream, form, optimize=True, **({"quality": 82} if form == "JPEG" else {}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def read_images(run: Run, image_ids: list[str]) -> dict[str, dict[str, Any]]:
    """Whole rows of a few images, with their bytes, without those of all others in memory."""
    wanted = pa.array(image_ids, pa.string())
    rows: list[dict[str, Any]] = []
    for folder in split_folders(run, SPLITS):
        for name, ids in folder.read_tables(folder.tables(), ["image_id"]):
            if pc.is_in(ids["image_id"], value_set=wanted).to_pylist().count(True):  # pyrefly: ignore[missing-attribute]
                table = folder.read_table(name, ["image_id", "image", "sha256", "class_name"])
                table = table.filter(pc.field("image_id").isin(image_ids))
                encoded = encoded_images(run, table)
                rows += [row | {"image": image} for row, image in zip(table.to_pylist(), encoded, strict=True)]
    return {row["image_id"]: row for row in rows}


def _sample(row: dict[str, Any], questions: list[str], p_yes_Q: np.ndarray, mean_Q: np.ndarray) -> Sample:
    data_uri, is_small = thumbnail(row["image"])
    confident, distinctive = select_answers(questions, p_yes_Q, mean_Q)
    return Sample(row["image_id"], row["class_name"], data_uri, is_small, confident, distinctive)
