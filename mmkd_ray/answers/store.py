"""Everything that one teacher, asked in one way, has answered so far: many small files, each whole or not there.

Ray Data has checkpointing of its own (`ray.data.checkpoint.CheckpointConfig`, 2.60), which was tried first. It cannot
do what is wanted here:
- it commits a block when its Parquet file is written. With an actor pool that is an input file of hundreds of images:
  killed after 11 of 16 batches, a run had one file of 4 batches committed and asked 12 batches again;
- it knows an image by its id alone: changed bytes under the same id pass for done, and so do new questions;
- it is a second truth beside the data: whether an id is checkpointed, not whether its answers are there.
So an engine's actor writes each batch itself, as one file under a name that its content decides, and a run asks what is
not there. Scheduling, retries and restarts of actors are Ray's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float32, Int64

from mmkd_ray import schema
from mmkd_ray.answers.identity import SPLITS, teacher_changes
from mmkd_ray.answers.probability import Answers
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import LedgerError
from mmkd_ray.identity import Identity, fingerprint

_ASKED = "asked.json"
_QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Wanted:
    """Cells that must be there: N images, by id with the hash of their content, and Q questions."""

    sha256: Mapping[str, str]
    questions: tuple[str, ...]

    def rows_of(self, table: pa.Table) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
        """Of a table's rows, those that are about a wanted image with unchanged content: (row there, row here)."""
        pairs = [
            (there, self._row[image_id])
            for there, (image_id, sha256) in enumerate(
                zip(table["image_id"].to_pylist(), table["sha256"].to_pylist(), strict=True)
            )
            if self.sha256.get(image_id) == sha256
        ]
        there_K2 = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return there_K2[:, 0], there_K2[:, 1]

    def columns_of(self, questions: Sequence[str]) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
        """Of a file's questions, those that are wanted: (column there, column here)."""
        column = {text: here for here, text in enumerate(self.questions)}
        pairs = [(there, column[text]) for there, text in enumerate(questions) if text in column]
        pairs_K2 = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return pairs_K2[:, 0], pairs_K2[:, 1]

    @cached_property
    def _row(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.sha256)}


@dataclass(frozen=True)
class Collected:
    """What was found of the wanted cells; nan where there is nothing."""

    log_p_yes_NQ: Float32[np.ndarray, "N Q"]
    log_p_no_NQ: Float32[np.ndarray, "N Q"]
    asked_again: int
    """Cells found more than once: asked twice, counted once (the first file's, in the order of names)."""


@dataclass(frozen=True)
class AnswerStore:
    """The files of one teacher's answers: `part-<hash>.parquet`, rows of `schema.teacher`, some questions a file."""

    run: Run
    teacher: Identity
    """Whose answers, and how it was asked."""

    @property
    def folder(self) -> Folder:
        """Where the files are."""
        return self.run.answers(self.teacher.key)

    @staticmethod
    def name(image_ids: Sequence[str], sha256: Sequence[str], questions: Sequence[str]) -> str:
        """The file of a batch: the same batch, tried again, has the same name."""
        return f"part-{fingerprint(ids=list(image_ids), sha256=list(sha256), questions=list(questions))}.parquet"

    def has(self, name: str) -> bool:
        """Whether a batch is there already."""
        return self.folder.exists(name)

    def write(
        self, name: str, image_ids: Sequence[str], sha256: Sequence[str], questions: Sequence[str], answers: Answers
    ) -> None:
        """Write a batch as one file, whole or not at all; images that failed go to the quarantine instead.

        Raises:
            LedgerError: an answer is nan and its image has not failed; nothing is written.
        """
        if rows := answers.unexplained():
            raise LedgerError(
                f"the teacher's engine gave nan as an answer about {len(rows)} of {len(image_ids)} images, e.g. "
                f"'{image_ids[rows[0]]}', without a reason; this batch is not stored. On a GPU this is usually an "
                "overflow: set teacher.dtype to bfloat16 or float32"
            )
        good = [row for row in range(len(image_ids)) if row not in answers.failed]
        bad = [{"path": image_ids[row], "reason": reason} for row, reason in answers.failed.items()]
        if bad:
            quarantine = pa.Table.from_pylist(bad, schema=schema.QUARANTINE)
            self._quarantine.write_table(name, quarantine)
        if not good:
            return  # nothing that a later run, under other limits, should find done
        columns = {
            "image_id": [image_ids[row] for row in good],
            "sha256": [sha256[row] for row in good],
            "log_p_yes": schema.fixed_size_rows(answers.log_p_yes_NQ[good]),
            "log_p_no": schema.fixed_size_rows(answers.log_p_no_NQ[good]),
        }
        self.folder.write_table(name, pa.table(columns, schema=self._schema(questions)))

    def begin(self) -> None:
        """Say in words how the answers here were asked, and forget which images could not be: they are tried again."""
        self.run.refer_to_answers(self.teacher.key)
        self.folder.write_json(_ASKED, self.teacher.as_dict())
        self._quarantine.delete()

    def quarantined(self, wanted: Wanted) -> dict[str, str]:
        """Why a wanted image could not be asked, by its id."""
        folder = self._quarantine
        rows = [row for _, table in folder.read_tables(folder.names()) for row in table.to_pylist()]
        return {row["path"]: row["reason"] for row in rows if row["path"] in wanted.sha256}

    def present(self, wanted: Wanted) -> Bool[np.ndarray, "N Q"]:
        """Which of the wanted cells are answered."""
        present_NQ = np.zeros((len(wanted.sha256), len(wanted.questions)), dtype=bool)
        for questions, table in self._tables(["image_id", "sha256"]):
            _, rows = wanted.rows_of(table)
            present_NQ[np.ix_(rows, wanted.columns_of(questions)[1])] = True
        return present_NQ

    def collect(self, wanted: Wanted) -> Collected:
        """The answers of the wanted cells."""
        shape = len(wanted.sha256), len(wanted.questions)
        log_p_yes_NQ, log_p_no_NQ = np.full((2, *shape), np.nan, dtype=np.float32)
        asked_again = 0
        for questions, table in self._tables():
            there, here = wanted.rows_of(table)
            columns_there, columns_here = wanted.columns_of(questions)
            target, source = np.ix_(here, columns_here), np.ix_(there, columns_there)
            new = np.isnan(log_p_yes_NQ[target])
            asked_again += int((~new).sum())
            for name, values_NQ in (("log_p_yes", log_p_yes_NQ), ("log_p_no", log_p_no_NQ)):
                values_NQ[target] = np.where(new, schema.matrix(table[name])[source], values_NQ[target])
        return Collected(log_p_yes_NQ, log_p_no_NQ, asked_again)

    @property
    def _quarantine(self) -> Folder:
        """The run's own: another run that asks the same teacher at the same time has its own attempts and failures."""
        return self.run.folder.child(_QUARANTINE, self.teacher.key)

    def _tables(self, columns: list[str] | None = None) -> Iterator[tuple[list[str], pa.Table]]:
        """The questions and the rows of each file, files in the order of their names.

        Raises:
            LedgerError: a file was asked in another way.
        """
        names = [name for name in self.folder.names() if name.startswith("part-") and name.endswith(".parquet")]
        for name, table in self.folder.read_tables(names, columns):
            metadata = table.schema.metadata
            if metadata[schema.IDENTITY].decode() != self.teacher.key:
                before = Identity.from_dict(json.loads(metadata[schema.ASKED]))
                differences = teacher_changes(before, self.teacher)
                raise LedgerError(
                    f"{self.folder.uri}/{name} does not belong here, answers must not be mixed: "
                    f"{'; '.join(differences)}; move the file away"
                )
            yield json.loads(metadata[schema.QUESTIONS]), table

    def _schema(self, questions: Sequence[str]) -> pa.Schema:
        return schema.teacher(len(questions)).with_metadata(answers_metadata(self.teacher, questions))


def answers_metadata(teacher: Identity, questions: Sequence[str]) -> dict[bytes, str]:
    """What every file of answers says about itself."""
    return {
        schema.IDENTITY: teacher.key,
        schema.ASKED: json.dumps(teacher.as_dict(), ensure_ascii=False),
        schema.QUESTIONS: json.dumps(list(questions), ensure_ascii=False),
    }


def wanted_cells(run: Run, questions: tuple[str, ...]) -> Wanted:
    """Every image of the splits that the teacher is asked about, with these questions."""
    rows = read_splits(run, SPLITS, columns=["image_id", "sha256"])
    return Wanted(dict(zip(rows["image_id"].to_pylist(), rows["sha256"].to_pylist(), strict=True)), questions)
