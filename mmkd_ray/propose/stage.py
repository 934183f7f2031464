"""Candidates: the questions that an LLM proposes, or those of the configured source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import PROPOSAL, Aspect, source_aspects
from mmkd_ray.config import Config, LlmAspects, OpenAiLlm, VllmLlm
from mmkd_ray.data.table import require_images
from mmkd_ray.propose.language_model import Conversation, load_model
from mmkd_ray.propose.proposing import DataSet, as_aspects, propose, select
from mmkd_ray.propose.reply import LanguageModel


@dataclass(frozen=True)
class Candidates:
    """Questions to choose from."""

    aspects: tuple[Aspect, ...]
    """In the order of their source; if the LLM selected them, in its order of importance."""
    facts: dict[str, Any]
    """For the record: the numbers `proposed`, `rejected` and `requests`."""


class _NotSaidYetError(Exception):
    """The LLM would have to be asked."""


def known_candidates(config: Config, run: Run) -> Candidates | None:
    """`candidates`, as far as they are known without asking an LLM; None if it would have to be asked.

    Raises:
        AspectError, ArtifactError: as for `candidates`.
    """

    def refuse(_llm: OpenAiLlm | VllmLlm) -> LanguageModel:
        raise _NotSaidYetError

    try:
        return candidates(config, run, load=refuse)
    except _NotSaidYetError:
        return None


def candidates(
    config: Config, run: Run, *, load: Callable[[OpenAiLlm | VllmLlm], LanguageModel] = load_model
) -> Candidates:
    """The questions to select from; for `aspects.select: llm`, those that the LLM selected.

    Stored replies of the LLM are reused. An LLM on vLLM needs a connection to a cluster.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        load: called when, and only if, something is to be asked.

    Raises:
        AspectError: the LLM cannot be reached, or proposes too few acceptable questions; or the questions of the source
            are invalid.
        ArtifactError: the image table, which names the classes, is not finished.
    """
    aspects = config.aspects
    if not isinstance(aspects, LlmAspects):
        available = source_aspects(aspects)
        return Candidates(available, {"proposed": len(available), "rejected": 0, "requests": 0})
    images = require_images(config, run)
    data = DataSet(tuple(images["class_names"]), images["images"]["train"])
    conversation = Conversation(aspects.llm, run.aspects.child("conversation"), lambda: load(aspects.llm))
    try:
        proposal = propose(conversation, aspects, data)
        rejected = [asdict(one) for one in proposal.rejected]
        run.aspects.write_json(PROPOSAL, {"accepted": list(proposal.questions), "rejected": rejected})
        questions = proposal.questions
        if aspects.select == "llm":
            questions = select(conversation, aspects, data, questions)
        found = as_aspects(conversation, aspects, data, questions)
    finally:
        conversation.close()
    facts = {"proposed": len(proposal.questions), "rejected": len(rejected), "requests": conversation.asked}
    return Candidates(tuple(found), facts)
