"""What a finished run says about itself: read from storage, without its images' source, its teacher or a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mmkd_ray.artifacts import Run
from mmkd_ray.artifacts.configuration import read_config
from mmkd_ray.config import Config
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ArtifactError
from mmkd_ray.evaluate.evaluation import Evaluation, stored_evaluation
from mmkd_ray.evaluate.stage import RESULTS
from mmkd_ray.identity import Identity
from mmkd_ray.report.summary import SUMMARY

Images: TypeAlias = Counter[tuple[str, str]]
"""How often an image, by the hash of its bytes and its class, is in a split."""
Student: TypeAlias = tuple[str, str, int]
"""Variant, arm and seed."""


@dataclass(frozen=True)
class StoredRun:
    """A run whose report has been written."""

    letter: str
    """Stands for it in tables."""
    run: Run
    config: Config
    evaluation: Evaluation
    versions: Mapping[str, str]
    """Of packages."""
    students: Mapping[Student, str]
    """Identity of each."""
    images_record: Mapping[str, Any] | None
    """Of its image table; None if that is not there any more."""
    teacher: Identity | None
    """None if its teacher table is not there any more."""

    def images(self, split: str) -> Images:
        """The images of a split.

        Raises:
            DamagedError: the image table is not as it was written.
        """
        rows = read_splits(self.run, [split], columns=["sha256", "class_name"])
        return Counter(zip(rows["sha256"].to_pylist(), rows["class_name"].to_pylist(), strict=True))


def read_run(letter: str, run: Run) -> StoredRun:
    """What there is of a run.

    Raises:
        ArtifactError: it has no report yet, or it was written by another version.
        DamagedError: a file is not as it was written.
    """
    config = read_config(run)
    if not run.folder.exists(SUMMARY):
        raise ArtifactError(f"{run.folder.uri} has no {SUMMARY}: run `mmkd report CONFIG` first")
    table = run.folder.read_table(RESULTS, ["variant", "arm", "seed", "student"]).to_pylist()
    teacher = run.teacher.record()
    return StoredRun(
        letter,
        run,
        config,
        stored_evaluation(run),
        run.folder.read_mapping(SUMMARY)["versions"],
        {(row["variant"], row["arm"], row["seed"]): row["student"] for row in table},
        run.images.record(),
        Identity.from_dict(teacher["asked"]["teacher"]) if teacher else None,
    )
