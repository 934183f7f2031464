"""The pilot: ask the teacher the candidate questions, in several ways, about a sample of the training images.

The answers are stored with all others: a later extraction does not ask for them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.probability import answer_mass, p_yes
from mmkd_ray.answers.query import Query, mirrored
from mmkd_ray.answers.table import read_teacher_table, stored_queries
from mmkd_ray.answers.wanted import Wanted
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.cluster.monitor import ProgressCallback
from mmkd_ray.config import Config, ImportedTeacher, PilotConfig
from mmkd_ray.data.subjects import Subjects
from mmkd_ray.data.table import labels_of, read_splits, require_images
from mmkd_ray.errors import ArtifactError, DataError
from mmkd_ray.evidence.answers import PilotAnswers
from mmkd_ray.extract.needs import lacks_answers
from mmkd_ray.extract.stage import answer_cells


def choose_images(labels_N: Int64[np.ndarray, " N"], pilot: PilotConfig) -> list[int]:
    """Rows of the sample, in the order of the table: the same number for every class, as far as possible."""
    rng = np.random.default_rng(pilot.seed)
    by_class = [rng.permutation(np.flatnonzero(labels_N == label)) for label in np.unique(labels_N)]
    # In rounds of one image per class, so that a small sample does not miss the last classes.
    rounds = [
        rng.permutation([rows[number] for rows in by_class if number < len(rows)])
        for number in range(max(map(len, by_class)))
    ]
    return sorted(np.concatenate(rounds)[: pilot.images].tolist())


def ask_pilot(config: Config, run: Run, aspects: Sequence[Aspect], progress: ProgressCallback) -> PilotAnswers:
    """Ask the teacher about the sample; stored answers are not asked for again.

    Raises:
        TeacherError: the teacher cannot be loaded.
        DataError: images of the sample cannot be asked about.
    """
    sample, ways, queries = _sample(config, run), _ways(config, aspects), pilot_queries(config, aspects)
    wanted = Wanted(sample.select(["image_id", "sha256"]), queries, Subjects.of(config))
    collected = answer_cells(_without_mass_limit(config), run, teacher_identity(config.teacher), wanted, progress)
    answered = np.isfinite(collected.log_p_yes_NQ).all(axis=1)
    if not answered.any():
        raise DataError("none of the pilot's images could be asked about; see the log for the reasons")
    p_NQ = p_yes(collected.log_p_yes_NQ, collected.log_p_no_NQ)
    mass_NQ = answer_mass(collected.log_p_yes_NQ, collected.log_p_no_NQ)

    def columns(values_NQ: np.ndarray, way: dict[str, Query]) -> np.ndarray:
        chosen = np.full((len(values_NQ), len(aspects)), np.nan, dtype=np.float32)
        for column, aspect in enumerate(aspects):
            if aspect.question in way:
                chosen[:, column] = values_NQ[:, queries.index(way[aspect.question])]
        return chosen[answered]

    asked_ids = wanted.image_ids
    return PilotAnswers(
        tuple(asked_ids[row] for row in np.flatnonzero(answered)),
        labels_of(sample)[answered],
        columns(p_NQ, ways["p_yes"]),
        columns(mass_NQ, ways["p_yes"]),
        columns(p_NQ, ways["reworded"]),
        columns(p_NQ, ways["flipped"]),
    )


def pilot_lacks_answers(config: Config, run: Run, aspects: Sequence[Aspect]) -> bool:
    """Whether `ask_pilot` has anything to ask, and needs a cluster.

    Raises:
        ArtifactError: the image table is not finished.
    """
    rows = _sample(config, run).select(["image_id", "sha256"])
    wanted = Wanted(rows, pilot_queries(config, aspects), Subjects.of(config))
    return lacks_answers(run, teacher_identity(config.teacher), wanted)


def _sample(config: Config, run: Run) -> pa.Table:
    table = _labelled(config, run)
    return table.take(choose_images(labels_of(table), config.pilot))


def _labelled(config: Config, run: Run) -> pa.Table:
    """The training images, or the objects in them: `image_id`, `sha256`, `label`."""
    require_images(config, run)
    subjects = Subjects.of(config)
    columns = dict.fromkeys([*subjects.columns, "label"])
    return subjects.rows(read_splits(run, ["train"], columns=list(columns)))


def _ways(config: Config, aspects: Sequence[Aspect]) -> dict[str, dict[str, Query]]:
    """The queries by which each question is put, by the way in which that is done."""
    return {
        "p_yes": {aspect.question: Query(aspect.question) for aspect in aspects},
        "reworded": {a.question: Query(text) for a in aspects if (text := reworded(a, config.pilot)) is not None},
        "flipped": {a.question: mirrored(a.question) for a in aspects} if config.pilot.flip else {},
    }


def pilot_queries(config: Config, aspects: Sequence[Aspect]) -> tuple[Query, ...]:
    """All that is asked about each image of the sample."""
    return tuple(dict.fromkeys(query for way in _ways(config, aspects).values() for query in way.values()))


def stored_answers(config: Config, run: Run, aspects: Sequence[Aspect]) -> PilotAnswers:
    """The answers about training images in a stored teacher table, also an imported one; nothing is asked.

    Raises:
        ArtifactError: there is no table, or it has no answers to one of the questions, or about any training image.
    """
    questions = [aspect.question for aspect in aspects]
    table = read_teacher_table(run, questions)
    train = _labelled(config, run)
    p_NQ = table.p_yes_of(train["image_id"].to_pylist())
    answered = np.isfinite(p_NQ).all(axis=1)
    if not answered.any():
        raise ArtifactError(
            f"{run.teacher.uri} has no answers about training images: leave out --stored, to ask about some"
        )
    rows = {image_id: row for row, image_id in enumerate(table.image_ids)}
    ids = [train["image_id"][int(row)].as_py() for row in np.flatnonzero(answered)]
    flipped = np.full((len(ids), len(questions)), np.nan, dtype=np.float32)
    known = stored_queries(run)
    if there := [column for column, text in enumerate(questions) if mirrored(text) in known]:
        flipped[:, there] = read_teacher_table(run, [mirrored(questions[column]) for column in there]).p_yes_of(ids)
    mass_NQ = table.mass_NQ[[rows[image_id] for image_id in ids]]
    unknown = np.full_like(flipped, np.nan)
    if isinstance(config.teacher, ImportedTeacher):
        mass_NQ = unknown  # imported files have P(yes) only relative to the two answers
    return PilotAnswers(tuple(ids), labels_of(train)[answered], p_NQ[answered], mass_NQ, unknown, flipped)


def reworded(aspect: Aspect, pilot: PilotConfig) -> str | None:
    """The second wording of a question; None if there is none."""
    if aspect.paraphrase is not None:
        return aspect.paraphrase
    return None if pilot.paraphrase is None else pilot.paraphrase.replace("{question}", aspect.question)


def _without_mass_limit(config: Config) -> Config:
    """A copy with no limit of answer mass: a question that is not answered is a result here, not an error."""
    extract: Any = config.extract.model_copy(update={"min_answer_mass": 0.0})
    return config.model_copy(update={"extract": extract})
