"""The page about questions: what each is worth, how they repeat each other, what the teacher sees in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from jaxtyping import Float32

from mmkd_ray.answers.teacher import describe_teacher
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import PROPOSAL
from mmkd_ray.config import Config
from mmkd_ray.data.table import require_images
from mmkd_ray.evidence.information import correlations
from mmkd_ray.evidence.tables import AUDIT, PILOT, SCORES
from mmkd_ray.render import words
from mmkd_ray.report.gallery import read_images, thumbnail
from mmkd_ray.report.rendering import environment

PAGE = "questions.html"
BINS = 12
"""Of the small distribution of P(yes) beside each question."""
EXAMPLES = 4
"""Images shown with the highest, and with the lowest P(yes) of a question."""
THUMBNAIL_SIDE = 96
ILLUSTRATED = 60
"""Questions with examples: the first so many."""
MAX_BYTES = 2_000_000
"""Of all pictures together; a page that would have more has examples of fewer questions."""


@dataclass(frozen=True)
class Bar:
    """One bar of a distribution, in percent of its box."""

    x: float
    height: float


@dataclass(frozen=True)
class Cell:
    """One cell of the redundancy matrix that is worth drawing."""

    column: int
    row: int
    correlation: float


@dataclass(frozen=True)
class Examples:
    """Images of a question, by their number among all pictures of the page, with P(yes)."""

    question: str
    rank: int
    highest: list[tuple[int, float]]
    lowest: list[tuple[int, float]]

    @property
    def last_picture(self) -> int:
        """The largest of the numbers."""
        return max(number for number, _ in (*self.highest, *self.lowest))


def write_page(config: Config, run: Run) -> str:
    """Write `questions.html` into the run's folder of evidence: one file that needs nothing else.

    Args:
        config: the run's configuration.
        run: where questions have been scored.

    Returns:
        Where the file is.

    Raises:
        ArtifactError: the image table is not finished.
    """
    page = environment().get_template("evidence.html.j2").render(gather(config, run), words=words)
    run.evidence.write_bytes(PAGE, page.encode())
    return f"{run.evidence.uri.rstrip('/')}/{PAGE}"


def gather(config: Config, run: Run) -> dict[str, Any]:
    """All that the template shows, by name."""
    images = require_images(config, run)
    rows = run.evidence.read_table(SCORES).to_pylist()
    pilot = run.evidence.read_table(PILOT)
    p_yes_NQ = np.stack(pilot["p_yes"].to_numpy()).astype(np.float32)
    image_ids: list[str] = pilot["image_id"].to_pylist()
    examples, pictures = _examples(run, rows, p_yes_NQ, image_ids)
    return {
        "config": config,
        "teacher_name": describe_teacher(config.teacher),
        "classes": len(images["class_names"]),
        "images": len(image_ids),
        "rows": rows,
        "bars": [_distribution(p_yes_NQ[:, column]) for column in range(len(rows))],
        "most_information": max((row["information_high"] for row in rows), default=0) or 1,
        "verdicts": {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in _verdicts(rows)},
        "cells": _cells(p_yes_NQ),
        "examples": examples,
        "pictures": pictures,
        "audits": run.evidence.read_table(AUDIT).to_pylist() if run.evidence.exists(AUDIT) else [],
        "rejected": run.aspects.find_json(PROPOSAL).get("rejected", []),
    }


def _verdicts(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["verdict"] for row in rows))


def _distribution(p_yes_N: Float32[np.ndarray, " N"]) -> list[Bar]:
    counts, _ = np.histogram(p_yes_N, bins=BINS, range=(0, 1))
    # A square root, so that a few images among many are still seen.
    heights = np.sqrt(counts / max(counts.max(), 1))
    return [Bar(100 * k / BINS, round(100 * float(height), 1)) for k, height in enumerate(heights) if height]


def _cells(p_yes_NQ: Float32[np.ndarray, "N Q"]) -> list[Cell]:
    """Correlations of the questions' answers, in the order of ranks; what is near 0 is left white."""
    correlation_QQ = correlations(p_yes_NQ)
    rows, columns = np.nonzero(np.tril(np.abs(correlation_QQ) >= 0.1, k=-1))
    return [Cell(int(c), int(r), round(float(correlation_QQ[r, c]), 2)) for r, c in zip(rows, columns, strict=True)]


def _examples(
    run: Run, rows: list[dict[str, Any]], p_yes_NQ: Float32[np.ndarray, "N Q"], image_ids: list[str]
) -> tuple[list[Examples], list[dict[str, Any]]]:
    """Examples of each question, and the pictures that they need, each once."""
    chosen: dict[int, int] = {}

    def numbered(order: np.ndarray, column: int) -> list[tuple[int, float]]:
        return [(chosen.setdefault(int(n), len(chosen)), float(p_yes_NQ[n, column])) for n in order[:EXAMPLES]]

    examples = []
    for column, row in enumerate(rows[:ILLUSTRATED]):
        order = np.argsort(-p_yes_NQ[:, column], kind="stable")
        examples.append(Examples(row["question"], row["rank"], numbered(order, column), numbered(order[::-1], column)))
    found = read_images(run, [image_ids[n] for n in chosen])
    pictures: list[dict[str, Any]] = []
    size = 0
    for n in chosen:
        image = found[image_ids[n]]
        uri, is_small = thumbnail(image["image"], max_side=THUMBNAIL_SIDE)
        size += len(uri)
        if size > MAX_BYTES:
            break
        pictures.append({"uri": uri, "small": is_small, "name": f"{image['class_name']} ({image_ids[n]})"})
    return list(takewhile(lambda one: one.last_picture < len(pictures), examples)), pictures
