"""The teacher as an actor of a Ray Data pool: one row an image, all its questions in one actor."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import ray

from mmkd_ray import schema
from mmkd_ray.cluster.environment import prepare_process
from mmkd_ray.config import ExtractConfig, TeacherConfig
from mmkd_ray.errors import MmkdError
from mmkd_ray.extract.checkpoint import is_local


class AskTeacher:
    """Input rows `{image_id, sha256, image}`; output rows `schema.teacher(Q)`, one for each, in the same order."""

    def __init__(
        self, teacher: TeacherConfig, extract: ExtractConfig, questions: list[str], identity: str, monitor: Any
    ) -> None:
        prepare_process(offline=is_local(teacher))
        from mmkd_ray.extract.vllm_engine import VllmEngine  # noqa: PLC0415 (only an actor needs what vllm needs)

        try:
            self._engine = VllmEngine(teacher, extract)
        except MmkdError as error:
            ray.get(monitor.fail.remote(error))
            raise
        self._questions = questions
        self._schema = schema.teacher(len(questions)).with_metadata({schema.IDENTITY: identity})
        self._monitor = monitor

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Answer all questions about a batch of images."""
        answers = self._engine.answer(batch["image"].to_pylist(), self._questions)
        self._monitor.add.remote(batch.num_rows)
        return pa.table(
            {
                "image_id": batch["image_id"].combine_chunks(),
                "sha256": batch["sha256"].combine_chunks(),
                "log_p_yes": schema.fixed_size_rows(answers.log_p_yes_NQ),
                "log_p_no": schema.fixed_size_rows(answers.log_p_no_NQ),
            },
            schema=self._schema,
        )
