"""Image tables and teacher tables of images of one's choice, as the stages leave them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.answers.query import Query
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.data.building import QUARANTINE
from mmkd_ray.data.table import settings_identity


def image_row(image_id: str, image: bytes, *, label: int, class_name: str, split: str) -> dict[str, Any]:
    """A row of the image table."""
    return {
        "image_id": image_id,
        "image": image,
        "sha256": hashlib.sha256(image).hexdigest(),
        "label": label,
        "class_name": class_name,
        "split": split,
    }


def write_image_table(
    config: Config,
    run: Run,
    rows: Sequence[dict[str, Any]],
    class_names: Sequence[str],
    *,
    quarantine: Sequence[dict[str, str]] | None = None,
    digest: str = "d",
) -> None:
    """The image table and its record."""
    counts, images = Counter(row["split"] for row in rows), run.refer_to_images(f"{config.name}-images")
    for split in counts:
        columns = schema.IMAGES.append(schema.GROUP) if "group" in rows[0] else schema.IMAGES
        table = pa.Table.from_pylist([row for row in rows if row["split"] == split], schema=columns)
        images.child("table", split).write_table("part-00000.parquet", table)
    if quarantine is not None:
        images.write_table(QUARANTINE, pa.Table.from_pylist(list(quarantine), schema=schema.QUARANTINE))
    images.finish(
        "images",
        settings=settings_identity(config),
        images=dict(counts),
        class_names=list(class_names),
        quarantined=len(quarantine or ()),
        digest=digest,
    )


def replace_images(run: Run, *, digest: str = "of others") -> None:
    """Make another image table the run's, of the same record but for the digest, as a second driver would."""
    record = run.images.record() or {}
    other = run.refer_to_images(f"{digest}-images")
    other.finish(record.pop("fingerprint"), **{**record, "digest": digest})


def write_answers(
    run: Run,
    rows: Sequence[dict[str, Any]],
    questions: Sequence[Query | str],
    p_yes_NQ: np.ndarray,
    *,
    mass: float = 1.0,
) -> None:
    """The teacher table without its record: P(yes) of each image and question, all with the same answer mass."""
    table = pa.table(
        {
            "image_id": [row["image_id"] for row in rows],
            "sha256": [row["sha256"] for row in rows],
            "log_p_yes": schema.fixed_size_rows(np.log(p_yes_NQ * mass)),
            "log_p_no": schema.fixed_size_rows(np.log((1 - p_yes_NQ) * mass)),
        },
        schema=schema.teacher(len(questions)),
    )
    run.teacher.child("table").write_table("part-00000.parquet", table)
    queries = [Query.of(question) for question in questions]
    run.teacher.write_json("questions.json", [{"question": one.question, "view": one.view} for one in queries])
