"""The teacher table: made from answers some rows at a time, proved, and read by image and by query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float32

from mmkd_ray import schema
from mmkd_ray.answers.ledger import Ledger, prove
from mmkd_ray.answers.probability import answer_mass, are_answers, mass_problem, p_yes
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.reading import Answered
from mmkd_ray.answers.store import answers_metadata
from mmkd_ray.answers.wanted import Wanted
from mmkd_ray.artifacts import Folder, Run, damaged
from mmkd_ray.config import ExtractConfig
from mmkd_ray.console import notice
from mmkd_ray.errors import ArtifactError, DamagedError, DataError, TeacherError
from mmkd_ray.identity import Identity

QUARANTINE, QUESTIONS = "quarantine.parquet", "questions.json"


@dataclass(frozen=True)
class TeacherTable:
    """What the teacher said about N images, rows in the order of `image_ids`."""

    queries: tuple[Query, ...]
    image_ids: tuple[str, ...]
    p_yes_NQ: Float32[np.ndarray, "N Q"]
    mass_NQ: Float32[np.ndarray, "N Q"]

    @property
    def questions(self) -> tuple[str, ...]:
        """The columns' names for people: of a plain view, the question's text."""
        return tuple(str(query) for query in self.queries)

    def p_yes_of(self, image_ids: Sequence[str]) -> Float32[np.ndarray, "M Q"]:
        """Rows of P(yes) for these images, in their order; nan for an image that the teacher could not be asked."""
        rows = {image_id: row for row, image_id in enumerate(self.image_ids)}
        found = [rows.get(image_id, -1) for image_id in image_ids]
        padded = np.vstack([self.p_yes_NQ, np.full((1, len(self.queries)), np.nan, np.float32)])
        return padded[found]


def read_teacher_table(run: Run, queries: Sequence[Query | str] | None = None) -> TeacherTable:
    """The teacher table of a run.

    Args:
        run: where extraction has finished.
        queries: the wanted columns in the wanted order, a text for the plain view; all of them if unset.

    Raises:
        ArtifactError: extraction has not finished, or did not ask one of the queries; or the table is damaged.
    """
    run.require(run.teacher, "extract")
    stored = stored_queries(run)
    wanted = stored if queries is None else tuple(Query.of(query) for query in queries)
    if missing := [query for query in wanted if query not in stored]:
        raise ArtifactError(
            f"{run.teacher.uri} has no answers to {len(missing)} of the questions, e.g. '{missing[0]}': "
            "run `mmkd extract CONFIG` first"
        )
    columns = [stored.index(query) for query in wanted]
    table = run.teacher.child("table").read_table()
    log_p_yes, log_p_no = (schema.matrix(table[name])[:, columns] for name in ("log_p_yes", "log_p_no"))
    if not (are_answers(log_p_yes).all() and are_answers(log_p_no).all()):
        raise damaged(f"{run.teacher.uri}/table", "an answer is nan, or a probability above 1")
    return TeacherTable(
        queries=wanted,
        image_ids=tuple(table["image_id"].to_pylist()),
        p_yes_NQ=p_yes(log_p_yes, log_p_no),
        mass_NQ=answer_mass(log_p_yes, log_p_no),
    )


def stored_queries(run: Run) -> tuple[Query, ...]:
    """The columns of a finished teacher table, in order.

    Raises:
        DamagedError: the file that lists them is not as it was written.
    """
    entries = run.teacher.read_json(QUESTIONS, run.teacher.record())
    try:
        return tuple(Query.of(entry) for entry in entries)
    except (KeyError, TypeError) as error:
        raise damaged(run.teacher.place(QUESTIONS), "it is not a list of questions") from error


def finished_table(run: Run, identity: str) -> dict[str, Any] | None:
    """The record of the teacher table if it is of this identity and its files are whole; else None."""
    if (record := run.teacher.finished(identity)) is None:
        return None
    table = run.teacher.child("table")
    try:
        rows = sum(rows.num_rows for _, rows in table.read_tables(table.tables()))
        if rows != record["ledger"].get("scored", rows):
            raise damaged(f"{table.uri}/", f"it has {rows:,} images in place of {record['ledger']['scored']:,}")
        run.teacher.read_table(QUARANTINE)
        stored_queries(run)
    except DamagedError as error:
        notice(f"{error.place} is damaged ({error.reason}): the teacher table is made again")
        return None
    return record


def write_teacher_table(
    run: Run,
    read: Callable[[], Iterable[Answered]],
    failed: Mapping[str, str],
    wanted: Wanted,
    identity: str,
    asked: dict[str, Any],
    unreadable: int,
    extract: ExtractConfig,
) -> dict[str, Any]:
    """Make the teacher table of the wanted cells, and prove it; its record is written last.

    Args:
        run: where it goes; an earlier table there is replaced once the answers are known to be acceptable.
        read: gives the answers about successive images, some rows at a time; called twice.
        failed: why an image could not be asked, by its id.
        wanted: every image that should be in the table, and the queries.
        identity: key of `asked`.
        asked: images, queries and teacher, for the record.
        unreadable: images that never came into the image table.
        extract: for its limits.

    Raises:
        DataError: too many images could not be asked.
        TeacherError: a question's mean answer mass is below the limit.
        LedgerError: cells are missing.
    """
    expected = wanted.without(failed)
    failed_here = len(wanted) - len(expected)
    _check_failed(failed, failed_here, len(wanted), extract.max_bad_fraction)
    mass_Q, asked_again = _mean_mass(read(), wanted.queries, extract.min_answer_mass)
    run.teacher.delete()
    run.teacher.write_table(QUARANTINE, _quarantine(failed))
    table = run.teacher.child("table")
    _write_rows(table, read(), wanted, Identity.from_dict(asked["teacher"]))
    ledger = prove_folder(table, expected, quarantined=failed_here + unreadable)
    questions = [{**_entry(query), "answer_mass": mass} for query, mass in zip(wanted.queries, mass_Q, strict=True)]
    run.teacher.write_json(QUESTIONS, questions)
    facts = {
        "asked": asked,
        "ledger": ledger.as_dict(),
        "asked_again": asked_again,
        "lowest_answer_mass": min(questions, key=lambda entry: entry["answer_mass"] or 0.0),
    }
    return run.teacher.finish(identity, **facts)


def prove_folder(table: Folder, expected: Wanted, *, quarantined: int) -> Ledger:
    """`ledger.prove`, for the files of a teacher table."""
    return prove((rows for _, rows in table.read_tables(table.names())), expected, quarantined=quarantined)


def _entry(query: Query) -> dict[str, Any]:
    value = query.as_json()
    return {"question": value} if isinstance(value, str) else dict(value)


def _write_rows(table: Folder, parts: Iterable[Answered], wanted: Wanted, teacher: Identity) -> None:
    """Rows in the order of the image table, images without all answers left out; a file a part."""
    arrow_schema = schema.teacher(len(wanted.queries)).with_metadata(answers_metadata(teacher, wanted.queries))
    start = 0
    for number, part in enumerate(parts):
        complete = _is_complete(part)
        images = wanted.images.slice(start, len(complete)).filter(pa.array(complete))
        columns = {
            "image_id": images["image_id"],
            "sha256": images["sha256"],
            "log_p_yes": schema.fixed_size_rows(part.log_p_yes_NQ[complete]),
            "log_p_no": schema.fixed_size_rows(part.log_p_no_NQ[complete]),
        }
        table.write_table(f"part-{number:05d}.parquet", pa.table(columns, schema=arrow_schema))
        start += len(complete)


def _is_complete(part: Answered) -> Bool[np.ndarray, " N"]:
    return np.isfinite(part.log_p_yes_NQ + part.log_p_no_NQ).min(axis=1, initial=True)


def _quarantine(failed: Mapping[str, str]) -> pa.Table:
    rows = [{"path": image_id, "reason": reason} for image_id, reason in failed.items()]
    return pa.Table.from_pylist(rows, schema=schema.QUARANTINE)


def _check_failed(failed: Mapping[str, str], count: int, images: int, limit: float) -> None:
    if count > limit * images:
        shown = "; ".join(f"{image_id}: {reason}" for image_id, reason in list(failed.items())[:3])
        raise DataError(
            f"{count} of {images} images cannot be asked about, more than extract.max_bad_fraction = {limit} "
            f"allows ({shown}); mend or remove these images, or raise that limit"
        )


def _mean_mass(parts: Iterable[Answered], queries: Sequence[Query], limit: float) -> tuple[list[float | None], int]:
    """Mean of P(yes) + P(no) of each query, None where no image could be asked; cells that were asked again."""
    sum_Q, images, asked_again = np.zeros(len(queries)), 0, 0
    for part in parts:
        complete = _is_complete(part)
        mass_NQ = answer_mass(part.log_p_yes_NQ[complete], part.log_p_no_NQ[complete])
        sum_Q += mass_NQ.sum(axis=0, dtype=np.float64)
        images += len(mass_NQ)
        asked_again += part.asked_again
    if not images:
        return [None] * len(queries), asked_again
    if problem := mass_problem(sum_Q / images, images, [str(query) for query in queries], limit):
        raise TeacherError(problem)
    return [round(float(mass), 6) for mass in sum_Q / images], asked_again
