"""Find the cells that are still to be asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int32

from mmkd_ray.answers.identity import SPLITS
from mmkd_ray.answers.wanted import ImageIndex, Wanted
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.data.subjects import IMAGES, Subjects, with_images
from mmkd_ray.data.table import split_folders


@dataclass(frozen=True)
class ToDo:
    """The M subjects that lack an answer: arrays alone, so that processes share them and look up a block in no time."""

    index: ImageIndex
    ask_M: Int32[np.ndarray, " M"]
    """What each lacks: a row of `Plan.ask_PQ`."""


@dataclass(frozen=True)
class Plan:
    """Images with something to ask, and what."""

    todo: ToDo
    ask_PQ: Bool[np.ndarray, "P Q"]
    """The different sets of queries that images lack; usually one."""

    @property
    def images(self) -> int:
        """Images that lack an answer."""
        return len(self.todo.ask_M)

    @property
    def cells(self) -> int:
        """Answers that are lacking."""
        return int(self.ask_PQ.sum(axis=1)[self.todo.ask_M].sum())


def make_plan(wanted: Wanted, present_NQ: Bool[np.ndarray, "N Q"]) -> Plan:
    """What to ask so that all wanted cells are present."""
    lacking = ~present_NQ.all(axis=1)
    # Packed, because `unique` sorts rows: 50 bytes of an image become 7.
    packed_PK, ask_M = np.unique(np.packbits(~present_NQ[lacking], axis=1), axis=0, return_inverse=True)
    ask_PQ = np.unpackbits(packed_PK, axis=1, count=present_NQ.shape[1]).astype(bool)
    return Plan(ToDo(ImageIndex.of(wanted.keys[lacking]), ask_M.ravel().astype(np.int32)), ask_PQ)


def files_with(run: Run, todo: ToDo, subjects: Subjects = IMAGES) -> list[tuple[Folder, str]]:
    """The files of the image table that hold one of these subjects: a resumed run need not read the others."""
    found = []
    for folder in split_folders(run, SPLITS):
        for name, table in folder.read_tables(folder.names(), columns=subjects.columns):
            if len(todo.index.find(subjects.rows(table))[0]):
                found.append((folder, name))
    return found


def only_todo(block: pa.Table, todo: ToDo, subjects: Subjects = IMAGES) -> pa.Table:
    """The subjects of a block of the image table that have something to ask, with a column `ask` that says what."""
    rows = subjects.rows(block)
    there, here = todo.index.find(rows)
    asked = with_images(rows.take(pa.array(there)), block)
    return asked.append_column("ask", pa.array(todo.ask_M[here], pa.int32()))
