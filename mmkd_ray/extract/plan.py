"""Which cells are still to be asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool

from mmkd_ray.answers.identity import SPLITS
from mmkd_ray.answers.store import Wanted
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.data.table import split_folders


@dataclass(frozen=True)
class Plan:
    """Images with something to ask, and what."""

    todo: pa.Table
    """`image_id`, `ask`: a row of `ask_Q`."""
    ask_PQ: Bool[np.ndarray, "P Q"]
    """The different sets of questions that images lack; usually one."""

    @property
    def images(self) -> int:
        """Images that lack an answer."""
        return self.todo.num_rows

    @property
    def cells(self) -> int:
        """Answers that are lacking."""
        return int(self.ask_PQ.sum(axis=1)[self.todo["ask"].to_numpy()].sum())


def make_plan(wanted: Wanted, present_NQ: Bool[np.ndarray, "N Q"]) -> Plan:
    """What to ask so that all wanted cells are present."""
    lacking = ~present_NQ.all(axis=1)
    ask_PQ, ask = np.unique(~present_NQ[lacking], axis=0, return_inverse=True)
    image_ids = pa.array(list(wanted.sha256), pa.string()).filter(pa.array(lacking))
    return Plan(pa.table({"image_id": image_ids, "ask": pa.array(ask.ravel(), pa.int32())}), ask_PQ)


def files_with(run: Run, todo: pa.Table) -> list[tuple[Folder, str]]:
    """The files of the image table that hold one of these images: a resumed run need not read the others."""
    found = []
    for folder in split_folders(run, SPLITS):
        for name, table in folder.read_tables(folder.names(), columns=["image_id"]):
            if only_todo(table, todo).num_rows:
                found.append((folder, name))
    return found


def only_todo(block: pa.Table, todo: pa.Table) -> pa.Table:
    """The rows of the image table that have something to ask, with a column `ask` that says what."""
    where = pc.index_in(block["image_id"], value_set=todo["image_id"])  # pyrefly: ignore[missing-attribute]
    wanted = where.is_valid()
    return block.filter(wanted).append_column("ask", todo["ask"].take(where.filter(wanted)))
