"""What an LLM that proposes questions gives, whatever runs it, and keeping what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mmkd_ray.artifacts import Folder, fingerprint
from mmkd_ray.config import OpenAiLlm, VllmLlm
from mmkd_ray.propose.reply import LanguageModel, Reply


class Conversation:
    """Asks an LLM, and keeps every reply: a run that was interrupted, or is run again, asks nothing twice."""

    def __init__(self, llm: OpenAiLlm | VllmLlm, folder: Folder, load: Callable[[], LanguageModel]) -> None:
        """`load` is called when, and only if, something is to be asked."""
        self._identity = identity(llm)
        self._folder = folder
        self._load = load
        self._model: LanguageModel | None = None
        self.asked = 0
        """Requests that were sent, not taken from what is kept."""

    def ask(self, purpose: str, turn: int, prompt: str) -> Reply:
        """The reply to a prompt: the kept one, if it was given before for the same purpose and turn.

        Raises:
            AspectError: as for `LanguageModel.ask`.
        """
        name = f"{purpose}-{turn:02d}-{fingerprint(llm=self._identity, prompt=prompt)}.json"
        if self._folder.exists(name):
            return Reply(**self._folder.read_json(name)["reply"])
        if self._model is None:
            self._model = self._load()
        reply = self._model.ask(prompt)
        self.asked += 1
        self._folder.write_json(name, {"llm": self._identity, "prompt": prompt, "reply": asdict(reply)})
        return reply

    def close(self) -> None:
        """Let go of the model, if it was needed."""
        if self._model is not None:
            self._model.close()
            self._model = None


def identity(llm: OpenAiLlm | VllmLlm) -> dict[str, Any]:
    """What decides a reply, by key of `aspects.llm`: not where the model is, how fast it is asked, or the key."""
    decides = {"kind", "model", "revision", "temperature", "max_tokens", "structured_output", "max_model_len"}
    return llm.model_dump(mode="json", include=decides)


def load_model(llm: OpenAiLlm | VllmLlm) -> LanguageModel:
    """The model of a configuration; one that runs on vLLM needs a connection to a Ray cluster.

    Raises:
        AspectError: there is no key for an endpoint, or the model cannot be loaded.
        ClusterError: the cluster cannot hold it.
    """
    # Each brings imports of seconds that the other does not need.
    if isinstance(llm, OpenAiLlm):
        from mmkd_ray.propose.openai_model import OpenAiModel  # noqa: PLC0415

        return OpenAiModel(llm)
    from mmkd_ray.propose.vllm_model import VllmModel  # noqa: PLC0415

    return VllmModel(llm)
