"""The teacher as an actor of a Ray Data pool: asks about a batch of images, and writes the answers down at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import ray
from jaxtyping import Bool

from mmkd_ray.answers.query import Query
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.teacher import needs_hub
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import ExtractConfig, Teacher
from mmkd_ray.data.subjects import Subjects, subject_pictures
from mmkd_ray.errors import MmkdError, TeacherError, explain, typed_cause
from mmkd_ray.extract.engines.load import load_engine
from mmkd_ray.extract.engines.mirror import answer_all
from mmkd_ray.extract.preflight import find_problem

MAX_CRASHES = 3
"""Times that an engine may crash with the same cause before the run fails."""


@dataclass(frozen=True)
class Assignment:
    """Settings of every actor of a pool."""

    teacher: Teacher
    extract: ExtractConfig
    queries: tuple[Query, ...]
    ask_PQ: Bool[np.ndarray, "P Q"]
    """Sets of queries; an image's column `ask` says which is its own."""
    subjects: Subjects
    """What is asked about."""
    store: AnswerStore
    monitor: Any
    all_may_fail: bool
    """Whether the run would be accepted if none of its images could be asked: they are the rest of a larger one."""


class AskTeacher:
    """Input rows of `only_todo`; output, for each batch, one row `{images}`: how many were asked.

    The answers themselves go to the store, a file a batch, before the batch counts as done: what is killed loses no
    more than its batches in flight, and a batch that Ray hands out again after a restart is found there.
    """

    def __init__(self, assignment: Assignment) -> None:
        teacher = assignment.teacher
        prepare_process(offline=not needs_hub(teacher))
        self._assignment, self._monitor = assignment, assignment.monitor
        self._name = ray.get_runtime_context().get_actor_id()
        ray.get(self._monitor.join.remote(self._name, ray.get_runtime_context().current_actor))
        try:
            self._engine = load_engine(teacher, assignment.extract, _texts(assignment.queries))
        except MmkdError as error:
            self._give_up(error)
        # A second try would fail in the same way.
        except Exception as error:
            self._give_up(TeacherError(f"the teacher's engine cannot be started: {explain(error)}"))
        self._checked = False
        self._checking = threading.Lock()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Ask what is lacking about a batch of images; nothing any more once the run is being stopped."""
        asked = 0
        for ask, images in _by_ask(batch):
            if not ray.get(self._monitor.begin.remote(self._name)):
                break
            columns = self._assignment.ask_PQ[ask]
            queries = [query for query, wanted in zip(self._assignment.queries, columns, strict=True) if wanted]
            name = self._assignment.store.name(*_names(images), queries)
            try:
                failed = self._ask(name, images, queries)
            except MmkdError as error:
                self._give_up(error)
            except Exception as error:
                self._die(error)
            asked += images.num_rows
            good = images.num_rows - failed
            self._monitor.measure.remote(self._name, self._engine.counts())
            self._monitor.end.remote(self._name, name, good, answers=good * len(queries), quarantined=failed)
        return pa.table({"images": [asked]})

    def _ask(self, name: str, images: pa.Table, queries: list[Query]) -> int:
        """Ask and write; the number of images that could not be asked."""
        store = self._assignment.store
        if store.has(name):
            return 0
        encoded = subject_pictures(store.run, self._assignment.subjects, images)
        self._preflight(encoded, queries)
        answers = answer_all(self._engine, encoded, queries)
        store.write(name, *_names(images), queries, answers)
        return len(answers.failed)

    def _preflight(self, encoded: list[bytes], queries: list[Query]) -> None:
        """Before this engine's first batch: does the teacher answer the questions at all?"""
        with self._checking:
            if not self._checked:
                told = self._assignment
                if problem := find_problem(
                    self._engine, encoded, queries, told.extract, all_may_fail=told.all_may_fail
                ):
                    raise TeacherError(problem)
                self._checked = True

    def _give_up(self, error: MmkdError) -> NoReturn:
        ray.get(self._monitor.fail.remote(error))
        raise error

    def _die(self, error: Exception) -> NoReturn:
        """An engine that has raised something unforeseen may be in a bad state: Ray starts another one in its place."""
        reason = typed_cause(error)
        if ray.get(self._monitor.crashed.remote(reason)) >= MAX_CRASHES:
            self._give_up(
                TeacherError(f"the teacher's engine has died {MAX_CRASHES} times of the same cause: {reason}")
            )
        os._exit(1)


def _texts(queries: Sequence[Query]) -> list[str]:
    """The texts of the questions, each once, whatever the views."""
    return list(dict.fromkeys(query.question for query in queries))


def _names(images: pa.Table) -> tuple[list[str], list[str]]:
    return images["image_id"].to_pylist(), images["sha256"].to_pylist()


def _by_ask(batch: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """A batch's rows by the set of questions that they lack."""
    ask = batch["ask"].to_numpy()
    for value in np.unique(ask):
        yield int(value), batch.filter(pa.array(ask == value))
