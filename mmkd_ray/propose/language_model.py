"""Load the LLM that proposes questions, ask it, and store its replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import OpenAiLlm, VllmLlm
from mmkd_ray.identity import Identity, fingerprint, identify, settings
from mmkd_ray.propose.reply import LanguageModel, Reply


class Conversation:
    """Asks an LLM, and stores every reply: a run that is repeated, e.g. after an interruption, asks nothing twice."""

    def __init__(self, llm: OpenAiLlm | VllmLlm, folder: Folder, load: Callable[[], LanguageModel]) -> None:
        """`load` is called at the first prompt that has no stored reply."""
        self._identity = identity(llm)
        self._folder = folder
        self._load = load
        self._model: LanguageModel | None = None
        self.asked = 0
        """Number of requests sent; prompts with a stored reply do not count."""

    def ask(self, purpose: str, turn: int, prompt: str) -> Reply:
        """The reply to a prompt; the stored one, if the prompt was asked before for the same purpose and turn.

        Raises:
            AspectError: as for `LanguageModel.ask`.
        """
        name = f"{purpose}-{turn:02d}-{fingerprint(llm=self._identity.key, prompt=prompt)}.json"
        if "reply" in (stored := self._folder.find_json(name)):
            return Reply(**stored["reply"])
        if self._model is None:
            self._model = self._load()
        reply = self._model.ask(prompt)
        self.asked += 1
        self._folder.write_json(name, {"llm": self._identity.as_dict(), "prompt": prompt, "reply": asdict(reply)})
        return reply

    def close(self) -> None:
        """Close the model, if it was loaded."""
        if self._model is not None:
            self._model.close()
            self._model = None


def identity(llm: OpenAiLlm | VllmLlm) -> Identity:
    """The keys of `aspects.llm` that can change a reply; not the address, the speed or the API key."""
    keys = {"kind", "model", "revision", "temperature", "max_tokens", "structured_output", "max_model_len"}
    return identify("language model", **settings(llm, include=keys))


def load_model(llm: OpenAiLlm | VllmLlm) -> LanguageModel:
    """The model of a configuration; one that runs on vLLM needs a connection to a Ray cluster.

    Raises:
        AspectError: the key of an endpoint is missing, or the model cannot be loaded.
        ClusterError: the model does not fit on the cluster.
    """
    # Imported here, because each takes seconds and only one is needed.
    if isinstance(llm, OpenAiLlm):
        from mmkd_ray.propose.openai_model import OpenAiModel  # noqa: PLC0415

        return OpenAiModel(llm)
    from mmkd_ray.propose.vllm_model import VllmModel  # noqa: PLC0415

    return VllmModel(llm)
