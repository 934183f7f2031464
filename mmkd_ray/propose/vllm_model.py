"""A text model that vLLM runs in an actor of the Ray cluster: for clusters without access to the internet."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import GetTimeoutError

from mmkd_ray.answers.teacher import resolve
from mmkd_ray.config import VllmLlm
from mmkd_ray.errors import AspectError, ClusterError, innermost_cause
from mmkd_ray.propose.reply import QUESTIONS_SCHEMA, Reply

_PLACEMENT_TIMEOUT_S = 60.0
"""Longest wait until Ray places the actor on a node: nothing else runs on the cluster at this stage."""


class VllmModel:
    """Loads the model in an actor; `close` ends the actor, so that its GPUs are free for the teacher.

    Raises:
        AspectError: the model cannot be loaded.
        ClusterError: no node has the CPUs and GPUs asked for.
    """

    def __init__(self, llm: VllmLlm) -> None:
        resolve(llm)
        options = {"num_cpus": 1 if llm.gpus else llm.cpus, "num_gpus": llm.gpus}
        self._actor = _start(llm, options)
        try:
            ray.get(self._actor.ready.remote(), timeout=_PLACEMENT_TIMEOUT_S)
            ray.get(self._actor.load.remote())
        except GetTimeoutError as error:
            self.close()
            raise ClusterError(
                f"no node of the cluster has {options['num_cpus']} CPUs and {llm.gpus} GPUs free for the LLM "
                f"'{llm.model}': lower aspects.llm.cpus or aspects.llm.gpus, or add a node"
            ) from error
        except BaseException:
            self.close()
            raise

    def ask(self, prompt: str) -> Reply:
        """The reply to one user message."""
        return Reply(*ray.get(self._actor.ask.remote(prompt)))

    def close(self) -> None:
        """End the actor."""
        ray.kill(self._actor)


def _start(llm: VllmLlm, options: dict[str, Any]) -> Any:
    return ray.remote(_TextEngine).options(**options).remote(llm)


class _TextEngine:
    """The actor. `load` is a separate call: of an exception raised in `__init__`, the driver gets only the text."""

    def __init__(self, llm: VllmLlm) -> None:
        self._llm = llm
        self._model: Any = None

    def ready(self) -> None:
        """Returns once the actor is placed on a node."""

    def load(self) -> None:
        """Load the model."""
        llm = self._llm
        from mmkd_ray.extract.engines.vllm.engine import load_text_model  # noqa: PLC0415 (vllm takes 15 s to import)

        self._model = load_text_model(llm)

    def ask(self, prompt: str) -> tuple[str, bool]:
        """The reply's text and whether it was cut off."""
        schema = QUESTIONS_SCHEMA if self._llm.structured_output else None
        try:
            return self._model(prompt, schema)
        except ValueError as error:
            raise AspectError(
                f"the LLM '{self._llm.model}' cannot be asked: {innermost_cause(error)}; lower "
                "aspects.classes_per_prompt or aspects.llm.max_tokens if the prompt is too long"
            ) from error
