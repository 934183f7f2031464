"""The ledger of a teacher table that is already there: read again, from the tables alone."""

from __future__ import annotations

from mmkd_ray.answers.ledger import Ledger
from mmkd_ray.answers.table import QUARANTINE, prove_folder, stored_queries
from mmkd_ray.answers.wanted import wanted_cells
from mmkd_ray.artifacts import Run
from mmkd_ray.data.subjects import Subjects
from mmkd_ray.errors import ArtifactError


def verify(run: Run) -> Ledger:
    """Prove a stored teacher table against the stored image table, without its configuration.

    Raises:
        ArtifactError: there is no image table or no finished teacher table here, or the images have changed since.
        LedgerError: the table is not complete.
    """
    images, teacher = run.require(run.images, "images"), run.require(run.teacher, "extract")
    if teacher["asked"]["images"] != images["digest"]:
        raise ArtifactError(
            f"the images have changed since {run.teacher.uri} was made: run `mmkd extract CONFIG` first"
        )
    subjects = Subjects.of_asked(teacher["asked"])
    failed = run.teacher.read_table(QUARANTINE)["path"].to_pylist()
    return prove_folder(
        run.teacher.child("table"),
        wanted_cells(run, stored_queries(run), subjects).without(failed),
        quarantined=len(failed) + images["quarantined"],
    )
