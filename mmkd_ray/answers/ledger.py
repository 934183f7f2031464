"""The proof that a teacher table holds every answer once: read from the table, not from the plan."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from mmkd_ray import schema
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


def prove(
    tables: Iterable[pa.Table], *, expected: Mapping[str, str], questions: Sequence[str], quarantined: int
) -> Ledger:
    """Count the files of a teacher table against the image table.

    Args:
        tables: rows of `schema.teacher(Q)`, with the metadata of a teacher table.
        expected: content hash of each image that must be there, by its id.
        questions: the Q questions, in the order of the columns.
        quarantined: images left out because they cannot be read or asked.

    Raises:
        LedgerError: cells are missing or doubled, there are rows that nobody asked for, or files were asked in
            different ways.
    """
    counts: Counter[str] = Counter()
    unknown, identities = 0, set()
    for table in tables:
        identities.add(_identity(table, questions))
        complete = _is_complete(table, len(questions))
        rows = zip(table["image_id"].to_pylist(), table["sha256"].to_pylist(), complete, strict=True)
        good = [image_id for image_id, sha256, ok in rows if ok and expected.get(image_id) == sha256]
        counts.update(good)
        unknown += table.num_rows - len(good)
    if len(identities) > 1:
        raise LedgerError(f"the teacher table is a mixture: its files were asked in {len(identities)} different ways")
    ledger = _ledger(counts, len(expected), len(questions), quarantined)
    if ledger.missing or ledger.duplicated or unknown:
        absent = [image_id for image_id in expected if image_id not in counts][:3]
        twice = [image_id for image_id, count in counts.items() if count > 1][:3]
        raise LedgerError(
            f"the teacher table is not complete: {ledger.line()}; {unknown} rows are unknown, changed or not finite"
            + (f"; missing e.g. {', '.join(absent)}" if absent else "")
            + (f"; twice e.g. {', '.join(twice)}" if twice else "")
        )
    return ledger


def _ledger(counts: Counter[str], images: int, questions: int, quarantined: int) -> Ledger:
    return Ledger(
        images=images,
        scored=len(counts),
        questions=questions,
        expected=images * questions,
        present=len(counts) * questions,
        missing=(images - len(counts)) * questions,
        duplicated=(counts.total() - len(counts)) * questions,
        quarantined=quarantined,
    )


def _identity(table: pa.Table, questions: Sequence[str]) -> bytes | None:
    metadata = table.schema.metadata or {}
    stored = json.loads(metadata.get(schema.QUESTIONS, b"[]"))
    if stored != list(questions):
        raise LedgerError(
            f"a file of the teacher table has {len(stored)} other questions, or the same in another order, than the "
            f"{len(questions)} expected"
        )
    return metadata.get(schema.IDENTITY)


def _is_complete(table: pa.Table, questions: int) -> np.ndarray:
    """Whether all answers of a row are finite, bool [N]."""
    complete = np.ones(table.num_rows, dtype=bool)
    for column in ("log_p_yes", "log_p_no"):
        values = schema.matrix(table[column])
        complete &= np.isfinite(values).all(axis=1) & (values.shape[1] == questions)
    return complete
