"""The proof that a teacher table holds every answer once: read from the table, not from the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from mmkd_ray.errors import LedgerError


@dataclass(frozen=True)
class Ledger:
    """Counts of images and of cells (an image with a question)."""

    images: int
    questions: int
    expected: int
    """Cells there must be: images x questions."""
    present: int
    """Cells found with a finite answer, for an expected image with unchanged content, each counted once."""
    missing: int
    duplicated: int
    """Cells found more than once, counted without the first time."""
    quarantined: int
    """Images that could not be read; they are not expected."""

    def line(self) -> str:
        """The ledger as one line for a person."""
        return (
            f"{self.images:,} images x {self.questions} questions = {self.expected:,} cells expected, "
            f"{self.present:,} present, {self.missing:,} missing, {self.duplicated:,} twice; "
            f"{self.quarantined:,} images quarantined"
        )

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


def prove(table: pa.Table, *, expected: Mapping[str, str], questions: int, quarantined: int) -> Ledger:
    """Count a teacher table against the image table.

    Args:
        table: rows of `schema.teacher(questions)`.
        expected: content hash of each image that must be there, by its id.
        questions: Q.
        quarantined: images left out because they cannot be read.

    Raises:
        LedgerError: cells are missing or doubled, or there are rows that nobody asked for.
    """
    ids = table["image_id"].to_pylist()
    complete = _is_complete(table)
    good = [image_id for image_id, sha256, ok in zip(ids, table["sha256"].to_pylist(), complete, strict=True)
            if ok and expected.get(image_id) == sha256]  # fmt: skip
    counts = Counter(good)
    present = len(counts) * questions
    ledger = Ledger(
        images=len(expected),
        questions=questions,
        expected=len(expected) * questions,
        present=present,
        missing=len(expected) * questions - present,
        duplicated=(len(good) - len(counts)) * questions,
        quarantined=quarantined,
    )
    unknown = len(ids) - len(good)
    if ledger.missing or ledger.duplicated or unknown:
        absent = [image_id for image_id in expected if image_id not in counts][:3]
        twice = [image_id for image_id, count in counts.items() if count > 1][:3]
        raise LedgerError(
            f"the teacher table is not complete: {ledger.line()}; {unknown} rows are unknown, changed or not finite"
            + (f"; missing e.g. {', '.join(absent)}" if absent else "")
            + (f"; twice e.g. {', '.join(twice)}" if twice else "")
        )
    return ledger


def _is_complete(table: pa.Table) -> np.ndarray:
    """Whether all answers of a row are finite, bool [N]."""
    complete = np.ones(table.num_rows, dtype=bool)
    for column in ("log_p_yes", "log_p_no"):
        values = table[column].combine_chunks()
        # `flatten` would drop null rows and shift all that follow: fill them first.
        width = values.type.list_size
        present = values.is_valid().to_numpy(zero_copy_only=False)
        flat = values.values.to_numpy(zero_copy_only=False)[values.offset * width :][: len(values) * width]
        complete &= present & np.isfinite(flat.astype(np.float64)).reshape(len(values), width).all(axis=1)
    return complete
