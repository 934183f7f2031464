"""The proof that a teacher table holds every answer once: read from the table, not from the plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64

from mmkd_ray import schema
from mmkd_ray.answers.probability import are_answers
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.wanted import Wanted
from mmkd_ray.errors import LedgerError


@dataclass(frozen=True)
class Ledger:
    """Counts of images and of cells (an image with a question)."""

    images: int
    """Images that must be there."""
    scored: int
    """Images of which every answer is there."""
    questions: int
    expected: int
    """Cells there must be: images x questions."""
    present: int
    """Cells found with a finite answer, for an expected image with unchanged content, each counted once."""
    missing: int
    duplicated: int
    """Cells found more than once, counted without the first time."""
    quarantined: int
    """Images that could not be read or asked; they are not expected."""

    def line(self) -> str:
        """The ledger as one line for a person."""
        return (
            f"{self.images + self.quarantined:,} images, {self.scored:,} scored, {self.quarantined:,} quarantined; "
            f"{self.images:,} x {self.questions} questions = {self.expected:,} cells expected, "
            f"{self.present:,} present, {self.missing:,} missing, {self.duplicated:,} twice"
        )

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


def prove(tables: Iterable[pa.Table], expected: Wanted, *, quarantined: int) -> Ledger:
    """Count the files of a teacher table against the image table.

    Args:
        tables: rows of `schema.teacher(Q)`, with the metadata of a teacher table.
        expected: the images that must be there, and the queries in the order of the columns.
        quarantined: images left out because they cannot be read or asked.

    Raises:
        LedgerError: cells are missing or doubled, there are rows that nobody asked for, or files were asked in
            different ways.
    """
    counts_N = np.zeros(len(expected), dtype=np.int64)
    unknown, identities = 0, set()
    for table in tables:
        identities.add(_identity(table, expected.queries))
        there, here = expected.index.find(table)
        complete = _is_complete(table, len(expected.queries))[there]
        np.add.at(counts_N, here[complete], 1)
        unknown += table.num_rows - int(complete.sum())
    if len(identities) > 1:
        raise LedgerError(
            f"the teacher table is a mixture: its files were asked in {len(identities)} different ways; delete its "
            "folder and run `mmkd extract CONFIG` again (stored answers are not asked again)"
        )
    ledger = _ledger(counts_N, len(expected.queries), quarantined)
    if ledger.missing or ledger.duplicated or unknown:
        raise LedgerError(
            f"the teacher table is not complete: {ledger.line()}; {unknown} rows are unknown, changed or not finite"
            + _examples("missing", expected, counts_N == 0)
            + _examples("twice", expected, counts_N > 1)
        )
    return ledger


def _ledger(counts_N: Int64[np.ndarray, " N"], queries: int, quarantined: int) -> Ledger:
    images, scored = len(counts_N), int((counts_N > 0).sum())
    return Ledger(
        images=images,
        scored=scored,
        questions=queries,
        expected=images * queries,
        present=scored * queries,
        missing=(images - scored) * queries,
        duplicated=(int(counts_N.sum()) - scored) * queries,
        quarantined=quarantined,
    )


def _examples(what: str, expected: Wanted, which_N: Bool[np.ndarray, " N"]) -> str:
    rows = np.flatnonzero(which_N)[:3]
    names = expected.images["image_id"].take(pa.array(rows)).to_pylist()
    return f"; {what} e.g. {', '.join(names)}" if names else ""


def _identity(table: pa.Table, queries: Sequence[Query]) -> bytes | None:
    metadata = table.schema.metadata or {}
    stored = [Query.of(value) for value in json.loads(metadata.get(schema.QUERIES, b"[]"))]
    if stored != list(queries):
        raise LedgerError(
            f"a file of the teacher table has {len(stored)} other questions, or the same in another order, than the "
            f"{len(queries)} expected"
        )
    return metadata.get(schema.IDENTITY)


def _is_complete(table: pa.Table, questions: int) -> np.ndarray:
    """Whether a row has all answers, bool [N]."""
    complete = np.ones(table.num_rows, dtype=bool)
    for column in ("log_p_yes", "log_p_no"):
        values = schema.matrix(table[column])
        complete &= are_answers(values) & (values.shape[1] == questions)
    return complete
