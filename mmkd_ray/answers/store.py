"""Everything that one teacher, asked in one way, has answered to any run: files that are whole or not there.

Ray Data has checkpointing of its own (`ray.data.checkpoint.CheckpointConfig`, 2.60), which was tried first. It cannot
do what is wanted here:
- it commits a block when its Parquet file is written. With an actor pool that is an input file of hundreds of images:
  killed after 11 of 16 batches, a run had one file of 4 batches committed and asked 12 batches again;
- it knows an image by its id alone: changed bytes under the same id pass for done, and so do new questions;
- it is a second truth beside the data: whether an id is checkpointed, not whether its answers are there.
So an engine's actor writes each batch itself, as one file under a name that its content decides, and a run asks what is
not there. Scheduling, retries and restarts of actors are Ray's. When extraction ends, `compact` merges the small files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.answers.identity import teacher_changes
from mmkd_ray.answers.probability import Answers, are_answers
from mmkd_ray.answers.query import Query
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.errors import DamagedError, LedgerError
from mmkd_ray.identity import Identity, fingerprint

_ASKED = "asked.json"
_QUARANTINE = "quarantine"
BATCH, MERGED = "part", "rows"
"""How the name of a file begins: the answers of one batch, or of many."""


@dataclass(frozen=True)
class StoredFile:
    """One file of answers, or some columns of it."""

    name: str
    table: pa.Table
    queries: tuple[Query, ...]
    replaces: tuple[str, ...]
    """Smaller files whose rows it holds: where one of them is still there, it does not count."""


@dataclass(frozen=True)
class AnswerStore:
    """The files of one teacher's answers, rows of `schema.teacher`, some queries a file.

    They are `part-RUN-HASH.parquet`, one a batch, or `rows-RUN-HASH.parquet`, merged ones. RUN has written them: files
    of several runs never have the same name, and a run merges its own alone.
    """

    run: Run
    teacher: Identity
    """Whose answers, and how it was asked."""

    @property
    def folder(self) -> Folder:
        """Where the files are."""
        return self.run.answers(self.teacher.key)

    def name(self, image_ids: Sequence[str], sha256: Sequence[str], queries: Sequence[Query]) -> str:
        """The file of a batch: the same batch, tried again, has the same name."""
        asked = [query.as_json() for query in queries]
        return self.named(BATCH, fingerprint(ids=list(image_ids), sha256=list(sha256), queries=asked))

    def named(self, kind: str, content: str) -> str:
        """The name of a file that this run writes."""
        return f"{self.prefix(kind)}{content}.parquet"

    def prefix(self, kind: str) -> str:
        """What the names of this run's own files begin with; what follows has no dash."""
        return f"{kind}-{self.run.name}-"

    def has(self, name: str) -> bool:
        """Whether a batch is there already."""
        return self.folder.exists(name)

    def write(
        self, name: str, image_ids: Sequence[str], sha256: Sequence[str], queries: Sequence[Query], answers: Answers
    ) -> None:
        """Write a batch as one file, whole or not at all; images that failed go to the quarantine instead.

        Raises:
            LedgerError: an answer is nan, or above 1, and its image has not failed; nothing is written.
        """
        if rows := answers.unexplained():
            raise LedgerError(
                f"the teacher's engine gave nan or a probability above 1 as an answer about {len(rows)} of "
                f"{len(image_ids)} images, e.g. '{image_ids[rows[0]]}', without a reason; this batch is not stored. "
                "On a GPU this is usually an overflow: set teacher.dtype to bfloat16 or float32"
            )
        good = [row for row in range(len(image_ids)) if row not in answers.failed]
        bad = [{"path": image_ids[row], "reason": reason} for row, reason in answers.failed.items()]
        if bad:
            self._quarantine.write_table(name, pa.Table.from_pylist(bad, schema=schema.QUARANTINE))
        else:
            self._quarantine.delete_file(name)  # of an earlier attempt
        if not good:
            return  # nothing that a later run, under other limits, should find done
        columns = {
            "image_id": [image_ids[row] for row in good],
            "sha256": [sha256[row] for row in good],
            "log_p_yes": schema.fixed_size_rows(answers.log_p_yes_NQ[good]),
            "log_p_no": schema.fixed_size_rows(answers.log_p_no_NQ[good]),
        }
        arrow_schema = schema.teacher(len(queries)).with_metadata(answers_metadata(self.teacher, queries))
        self.folder.write_table(name, pa.table(columns, schema=arrow_schema))

    def begin(self) -> None:
        """Say in words how the answers here were asked, and forget which images could not be: they are tried again."""
        self.run.refer_to_answers(self.teacher.key)
        self.folder.write_json(_ASKED, self.teacher.as_dict())
        self._quarantine.delete()

    def quarantined(self) -> dict[str, str]:
        """Why an image could not be asked, by its id, since this run has begun to ask."""
        folder = self._quarantine
        rows = [row for _, table in folder.read_tables(folder.names()) for row in table.to_pylist()]
        return {row["path"]: row["reason"] for row in rows}

    def names(self) -> list[str]:
        """The files there are now; another run may write more, and merge its small ones."""
        return [name for name in self.folder.tables() if name.startswith((f"{BATCH}-", f"{MERGED}-"))]

    def read(self, names: Iterable[str], columns: list[str] | None = None) -> Iterator[StoredFile]:
        """Some of the files, in the order of `names`; one that has gone meanwhile is left out.

        One that is damaged is set aside: its answers count as not there.

        Raises:
            LedgerError: a file was asked in another way.
        """
        for name, table in self.folder.read_tables(names, columns, on_damage=self._set_aside):
            metadata = table.schema.metadata or {}
            if schema.IDENTITY not in metadata or not _has_answers(table):
                self.folder.set_aside(name, "what it holds are no answers")
                continue
            if metadata[schema.IDENTITY].decode() != self.teacher.key:
                differences = teacher_changes(Identity.from_dict(json.loads(metadata[schema.ASKED])), self.teacher)
                raise LedgerError(
                    f"{self.folder.uri}/{name} does not belong here, answers must not be mixed: "
                    f"{'; '.join(differences)}; move the file away"
                )
            queries = tuple(Query.of(value) for value in json.loads(metadata[schema.QUERIES]))
            yield StoredFile(name, table, queries, tuple(json.loads(metadata.get(schema.REPLACES, b"[]"))))

    def _set_aside(self, name: str, error: DamagedError) -> None:
        self.folder.set_aside(name, error.reason)

    @property
    def _quarantine(self) -> Folder:
        """The run's own: another run that asks the same teacher at the same time has its own attempts and failures."""
        return self.run.folder.child(_QUARANTINE, self.teacher.key)


def _has_answers(table: pa.Table) -> bool:
    """Whether all values are logs of probabilities, of those that were read."""
    columns = [name for name in ("log_p_yes", "log_p_no") if name in table.column_names]
    return all(are_answers(schema.matrix(table[name])).all() for name in columns)


def answers_metadata(teacher: Identity, queries: Iterable[Query]) -> dict[bytes, str]:
    """What every file of answers says about itself."""
    return {
        schema.IDENTITY: teacher.key,
        schema.ASKED: json.dumps(teacher.as_dict(), ensure_ascii=False),
        schema.QUERIES: json.dumps([query.as_json() for query in queries], ensure_ascii=False),
    }
