"""The pilot: candidate questions, put in several ways to the teacher about a sample of the training images.

Its answers go where all answers go: an extraction after it does not ask them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from mmkd_ray.answers.identity import teacher_identity
from mmkd_ray.answers.probability import answer_mass, p_yes
from mmkd_ray.answers.query import mirrored
from mmkd_ray.answers.store import Wanted
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import Aspect
from mmkd_ray.cluster.monitor import ProgressCallback
from mmkd_ray.config import Config, ImportedTeacher, PilotConfig
from mmkd_ray.data.table import labels_of, read_splits
from mmkd_ray.errors import ArtifactError, DataError
from mmkd_ray.evidence.answers import PilotAnswers
from mmkd_ray.extract.stage import answer_cells


def choose_images(labels_N: Int64[np.ndarray, " N"], pilot: PilotConfig) -> list[int]:
    """Rows of the sample, in the order of the table: of every class the same number, as far as it goes."""
    rng = np.random.default_rng(pilot.seed)
    own = [rng.permutation(np.flatnonzero(labels_N == label)) for label in np.unique(labels_N)]
    # Turn by turn, one of each class, so that a small sample does not leave out the last classes of the list.
    turns = [rng.permutation([rows[turn] for rows in own if turn < len(rows)]) for turn in range(max(map(len, own)))]
    return sorted(np.concatenate(turns)[: pilot.images].tolist())


def ask_pilot(config: Config, run: Run, aspects: Sequence[Aspect], progress: ProgressCallback) -> PilotAnswers:
    """Have the sample asked about; what is answered already is not asked again. Needs a cluster.

    Raises:
        TeacherError: the teacher cannot be loaded.
        DataError: images of the sample cannot be asked about.
    """
    table = read_splits(run, ["train"], columns=["image_id", "sha256", "label"])
    sample = table.take(choose_images(labels_of(table), config.pilot))
    ways = {
        "p_yes": {aspect.question: aspect.question for aspect in aspects},
        "reworded": {a.question: text for a in aspects if (text := reworded(a, config.pilot)) is not None},
        "flipped": {a.question: mirrored(a.question) for a in aspects} if config.pilot.flip else {},
    }
    texts = tuple(dict.fromkeys(text for way in ways.values() for text in way.values()))
    wanted = Wanted(dict(zip(sample["image_id"].to_pylist(), sample["sha256"].to_pylist(), strict=True)), texts)
    collected = answer_cells(_whatever_the_mass(config), run, teacher_identity(config.teacher), wanted, progress)
    answered = np.isfinite(collected.log_p_yes_NQ).all(axis=1)
    if not answered.any():
        raise DataError("none of the pilot's images could be asked about; see the log for the reasons")
    p_NQ = p_yes(collected.log_p_yes_NQ, collected.log_p_no_NQ)
    mass_NQ = answer_mass(collected.log_p_yes_NQ, collected.log_p_no_NQ)

    def columns(values_NQ: np.ndarray, way: dict[str, str]) -> np.ndarray:
        own = np.full((len(values_NQ), len(aspects)), np.nan, dtype=np.float32)
        for column, aspect in enumerate(aspects):
            if aspect.question in way:
                own[:, column] = values_NQ[:, texts.index(way[aspect.question])]
        return own[answered]

    asked_ids = list(wanted.sha256)
    return PilotAnswers(
        tuple(asked_ids[row] for row in np.flatnonzero(answered)),
        labels_of(sample)[answered],
        columns(p_NQ, ways["p_yes"]),
        columns(mass_NQ, ways["p_yes"]),
        columns(p_NQ, ways["reworded"]),
        columns(p_NQ, ways["flipped"]),
    )


def stored_answers(config: Config, run: Run, aspects: Sequence[Aspect]) -> PilotAnswers:
    """The training images of a stored teacher table, an imported one too; nothing is asked.

    Raises:
        ArtifactError: there is none, or it has no answers to one of the questions, or to any training image.
    """
    questions = [aspect.question for aspect in aspects]
    table = read_teacher_table(run, questions)
    train = read_splits(run, ["train"], columns=["image_id", "label"])
    p_NQ = table.p_yes_of(train["image_id"].to_pylist())
    answered = np.isfinite(p_NQ).all(axis=1)
    if not answered.any():
        raise ArtifactError(f"{run.teacher.uri} has no answers about training images")
    rows = {image_id: row for row, image_id in enumerate(table.image_ids)}
    ids = [train["image_id"][int(row)].as_py() for row in np.flatnonzero(answered)]
    flipped = np.full((len(ids), len(questions)), np.nan, dtype=np.float32)
    known = {entry["question"] for entry in run.teacher.read_json("questions.json")}
    if there := [column for column, text in enumerate(questions) if mirrored(text) in known]:
        flipped[:, there] = read_teacher_table(run, [mirrored(questions[column]) for column in there]).p_yes_of(ids)
    mass_NQ = table.mass_NQ[[rows[image_id] for image_id in ids]]
    unknown = np.full_like(flipped, np.nan)
    if isinstance(config.teacher, ImportedTeacher):
        mass_NQ = unknown  # such files hold P(yes) among the two answers alone
    return PilotAnswers(tuple(ids), labels_of(train)[answered], p_NQ[answered], mass_NQ, unknown, flipped)


def reworded(aspect: Aspect, pilot: PilotConfig) -> str | None:
    """The other wording that the teacher is asked; None if there is none."""
    if aspect.paraphrase is not None:
        return aspect.paraphrase
    return None if pilot.paraphrase is None else pilot.paraphrase.replace("{question}", aspect.question)


def _whatever_the_mass(config: Config) -> Config:
    """A question that the teacher does not answer is a finding here, no reason to refuse all others."""
    extract: Any = config.extract.model_copy(update={"min_answer_mass": 0.0})
    return config.model_copy(update={"extract": extract})
