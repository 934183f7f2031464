"""The teacher table: made from the stored answers, proved, and read by image and by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from mmkd_ray import schema
from mmkd_ray.answers.ledger import Ledger, prove
from mmkd_ray.answers.probability import answer_mass, mass_problem, p_yes
from mmkd_ray.answers.store import AnswerStore, Collected, Wanted, answers_metadata
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.config import ExtractConfig
from mmkd_ray.errors import ArtifactError, DataError, TeacherError

ROWS_A_FILE = 65_536
QUARANTINE = "quarantine.parquet"


@dataclass(frozen=True)
class TeacherTable:
    """What the teacher said about N images, rows in the order of `image_ids`."""

    questions: tuple[str, ...]
    image_ids: tuple[str, ...]
    p_yes_NQ: Float32[np.ndarray, "N Q"]
    mass_NQ: Float32[np.ndarray, "N Q"]

    def p_yes_of(self, image_ids: Sequence[str]) -> Float32[np.ndarray, "M Q"]:
        """Rows of P(yes) for these images, in their order; nan for an image that the teacher could not be asked."""
        rows = {image_id: row for row, image_id in enumerate(self.image_ids)}
        found = [rows.get(image_id, -1) for image_id in image_ids]
        padded = np.vstack([self.p_yes_NQ, np.full((1, len(self.questions)), np.nan, np.float32)])
        return padded[found]


def read_teacher_table(run: Run, questions: Sequence[str] | None = None) -> TeacherTable:
    """The teacher table of a run.

    Args:
        run: where extraction has finished.
        questions: the wanted columns in the wanted order, by text; all of them if unset.

    Raises:
        ArtifactError: extraction has not finished, or did not ask one of the questions.
    """
    run.require(run.teacher, "extract")
    stored = [entry["question"] for entry in run.teacher.read_json("questions.json")]
    wanted = list(stored if questions is None else questions)
    if missing := [text for text in wanted if text not in stored]:
        raise ArtifactError(
            f"{run.teacher.uri} has no answers to {len(missing)} of the questions, e.g. '{missing[0]}': "
            "run `mmkd extract CONFIG` first"
        )
    columns = [stored.index(text) for text in wanted]
    table = run.teacher.child("table").read_table()
    log_p_yes, log_p_no = (schema.matrix(table[name])[:, columns] for name in ("log_p_yes", "log_p_no"))
    return TeacherTable(
        questions=tuple(wanted),
        image_ids=tuple(table["image_id"].to_pylist()),
        p_yes_NQ=p_yes(log_p_yes, log_p_no),
        mass_NQ=answer_mass(log_p_yes, log_p_no),
    )


def write_teacher_table(
    run: Run,
    store: AnswerStore,
    wanted: Wanted,
    identity: str,
    asked: dict[str, Any],
    unreadable: int,
    extract: ExtractConfig,
) -> dict[str, Any]:
    """Make the teacher table of the wanted cells from the stored answers, and prove it; its record is written last.

    Args:
        run: where it goes; an earlier table there is replaced, the stored answers stay.
        store: the answers.
        wanted: every image that should be in the table, and the questions.
        identity: fingerprint of `asked`.
        asked: images, questions and teacher, for the record.
        unreadable: images that never came into the image table.
        extract: for its limits.

    Raises:
        DataError: too many images could not be asked.
        TeacherError: a question's mean answer mass is below the limit.
        LedgerError: cells are missing.
    """
    failed, collected = store.quarantined(wanted), store.collect(wanted)
    _check_failed(failed, len(wanted.sha256), extract.max_bad_fraction)
    mass_Q = _mean_mass(collected, wanted.questions, extract.min_answer_mass)
    run.teacher.delete()
    run.teacher.write_table(QUARANTINE, _quarantine(failed))
    table = run.teacher.child("table")
    _write_rows(table, store, wanted, collected)
    expected = {image_id: sha256 for image_id, sha256 in wanted.sha256.items() if image_id not in failed}
    ledger = prove_folder(table, expected=expected, questions=wanted.questions, quarantined=len(failed) + unreadable)
    questions = [{"question": text, "answer_mass": mass} for text, mass in zip(wanted.questions, mass_Q, strict=True)]
    run.teacher.write_json("questions.json", questions)
    facts = {
        "asked": asked,
        "ledger": ledger.as_dict(),
        "asked_again": collected.asked_again,
        "lowest_answer_mass": min(questions, key=lambda entry: entry["answer_mass"] or 0.0),
    }
    run.teacher.finish(identity, **facts)
    return {"fingerprint": identity, **facts}


def prove_folder(table: Folder, *, expected: dict[str, str], questions: Sequence[str], quarantined: int) -> Ledger:
    """`ledger.prove`, for the files of a teacher table."""
    return prove(
        (rows for _, rows in table.read_tables(table.names())),
        expected=expected,
        questions=questions,
        quarantined=quarantined,
    )


def _write_rows(table: Folder, store: AnswerStore, wanted: Wanted, collected: Collected) -> None:
    """Rows in the order of the image table, images without all answers left out."""
    complete = np.isfinite(collected.log_p_yes_NQ).all(axis=1) & np.isfinite(collected.log_p_no_NQ).all(axis=1)
    image_ids, sha256 = (pa.array(list(values), pa.string()) for values in (wanted.sha256, wanted.sha256.values()))
    rows = np.flatnonzero(complete)
    metadata = answers_metadata(store.teacher, wanted.questions)
    arrow_schema = schema.teacher(len(wanted.questions)).with_metadata(metadata)
    for number, start in enumerate(range(0, max(len(rows), 1), ROWS_A_FILE)):
        part = rows[start : start + ROWS_A_FILE]
        columns = {
            "image_id": image_ids.take(pa.array(part)),
            "sha256": sha256.take(pa.array(part)),
            "log_p_yes": schema.fixed_size_rows(collected.log_p_yes_NQ[part]),
            "log_p_no": schema.fixed_size_rows(collected.log_p_no_NQ[part]),
        }
        table.write_table(f"part-{number:05d}.parquet", pa.table(columns, schema=arrow_schema))


def _quarantine(failed: dict[str, str]) -> pa.Table:
    rows = [{"path": image_id, "reason": reason} for image_id, reason in failed.items()]
    return pa.Table.from_pylist(rows, schema=schema.QUARANTINE)


def _check_failed(failed: dict[str, str], images: int, limit: float) -> None:
    if len(failed) > limit * images:
        shown = "; ".join(f"{image_id}: {reason}" for image_id, reason in list(failed.items())[:3])
        raise DataError(
            f"{len(failed)} of {images} images cannot be asked about, more than extract.max_bad_fraction = {limit} "
            f"allows ({shown})"
        )


def _mean_mass(collected: Collected, questions: Sequence[str], limit: float) -> list[float | None]:
    """Mean of P(yes) + P(no) of each question; None where no image could be asked."""
    mass_NQ = answer_mass(collected.log_p_yes_NQ, collected.log_p_no_NQ)
    answered = mass_NQ[np.isfinite(mass_NQ).all(axis=1)]
    if not len(answered):
        return [None] * len(questions)
    if problem := mass_problem(answered, questions, limit):
        raise TeacherError(problem)
    return [round(float(mass), 6) for mass in answered.mean(axis=0)]
