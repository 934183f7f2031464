"""The two steps of the paper (section 3.1), propose N questions and select Q; then mark those that a flip changes."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mmkd_ray.aspects.checks import QuestionFilter, Rejected, readable_name
from mmkd_ray.aspects.questions import Aspect, Origin
from mmkd_ray.aspects.wording import content_words, in_mirror, normal, similarity
from mmkd_ray.config import LlmAspects
from mmkd_ray.errors import AspectError
from mmkd_ray.identity import fingerprint
from mmkd_ray.propose.language_model import Conversation
from mmkd_ray.propose.parser import parse_questions


@dataclass(frozen=True)
class DataSet:
    """What the LLM is told about the images."""

    class_names: tuple[str, ...]
    images: int


@dataclass(frozen=True)
class Proposal:
    """The questions that the LLM proposed, after the checks."""

    questions: tuple[str, ...]
    rejected: tuple[Rejected, ...]


def propose(conversation: Conversation, config: LlmAspects, data: DataSet) -> Proposal:
    """Ask for N questions, then again for those that are missing after the checks.

    A long class list is split: the LLM is asked for a share of the questions for each part, and told which questions
    are accepted already.

    Raises:
        AspectError: fewer than Q questions are accepted after `max_rounds` rounds.
    """
    found = QuestionFilter(config.rules, data.class_names)
    parts = _parts(data.class_names, config.classes_per_prompt)
    turn = 0
    for _ in range(config.max_rounds):
        for number, part in enumerate(parts):
            missing = config.candidates - len(found.accepted)
            if missing <= 0:
                break
            count = math.ceil(missing / (len(parts) - number))
            prompt = _fill(config.propose_prompt, config, data, class_names=part, count=count)
            if found.accepted:
                more = config.more_prompt
                prompt += _fill(more, config, data, class_names=part, count=count, questions=found.accepted)
            found.add(parse_questions(conversation.ask("propose", turn, prompt).text))
            turn += 1
    if len(found.accepted) < config.count:
        raise AspectError(_too_few(found, config, turn))
    return Proposal(tuple(found.accepted[: config.candidates]), tuple(found.rejected))


def select(conversation: Conversation, config: LlmAspects, data: DataSet, questions: Sequence[str]) -> tuple[str, ...]:
    """Let the LLM select Q of the questions, the most important first.

    A question in its reply counts if it is nearly the same as one of them.

    Raises:
        AspectError: fewer than Q are selected after `max_rounds` rounds.
    """
    chosen: list[str] = []
    left = list(questions)
    names = _some(data.class_names, config.classes_per_prompt)
    for turn in range(config.max_rounds):
        missing = config.count - len(chosen)
        if not missing:
            break
        prompt = _fill(config.select_prompt, config, data, class_names=names, count=missing, questions=left)
        picked = _matched(parse_questions(conversation.ask("select", turn, prompt).text), left, config)[:missing]
        chosen += picked
        left = [question for question in left if question not in picked]
    if len(chosen) < config.count:
        raise AspectError(
            f"the LLM '{config.llm.model}' selected {len(chosen)} of the {len(questions)} questions it proposed in "
            f"{config.max_rounds} rounds, {config.count} (aspects.count) are needed; set aspects.select to mrmr to "
            "select by evidence, raise aspects.max_rounds, lower aspects.count, or choose another model"
        )
    return tuple(chosen)


def as_aspects(conversation: Conversation, config: LlmAspects, data: DataSet, questions: Sequence[str]) -> list[Aspect]:
    """Mark the questions whose answer a flip can change: those that the LLM names, and those with `left` or `right`."""
    names = _some(data.class_names, config.classes_per_prompt)
    prompt = _fill(
        config.orientation_prompt, config, data, class_names=names, count=len(questions), questions=questions
    )
    sensitive = set(_matched(parse_questions(conversation.ask("orientation", 0, prompt).text), questions, config))
    origin = Origin("llm", config.llm.model, prompt_hash(config))
    return [
        Aspect(
            question,
            orientation_sensitive=question in sensitive or in_mirror(question) is not None,
            mirror=in_mirror(question),
            origin=origin,
        )
        for question in questions
    ]


def prompt_hash(config: LlmAspects) -> str:
    """Fingerprint of the prompt templates for proposing and selecting questions."""
    return fingerprint(propose=config.propose_prompt, more=config.more_prompt, select=config.select_prompt)


def _parts(class_names: Sequence[str], size: int) -> list[Sequence[str]]:
    """The class list in as few parts of at most `size` as possible, of nearly equal length."""
    count = math.ceil(len(class_names) / size)
    edges = [round(number * len(class_names) / count) for number in range(count + 1)]
    return [class_names[start:end] for start, end in itertools.pairwise(edges)]


def _some(class_names: Sequence[str], size: int) -> list[str]:
    """At most `size` of the class names, evenly spread over the list."""
    if len(class_names) <= size:
        return list(class_names)
    return [class_names[number * len(class_names) // size] for number in range(size)]


def _matched(replies: Sequence[str], questions: Sequence[str], config: LlmAspects) -> list[str]:
    """The questions that a reply names, in the order of the reply, without duplicates."""
    by_words = {normal(question): question for question in questions}
    found = []
    for reply in replies:
        match = by_words.get(normal(reply)) or _nearest(reply, questions, config.rules.duplicate_above)
        if match is not None:
            found.append(match)
    return list(dict.fromkeys(found))


def _nearest(reply: str, questions: Sequence[str], above: float) -> str | None:
    words = content_words(reply)
    alike = [(similarity(words, content_words(question)), question) for question in questions]
    best, question = max(alike, key=lambda pair: pair[0], default=(0.0, ""))
    return question if best >= above else None


def _fill(
    template: str,
    config: LlmAspects,
    data: DataSet,
    *,
    class_names: Sequence[str] = (),
    count: int = 0,
    questions: Sequence[str] = (),
) -> str:
    """Fill in the template's placeholders in one pass, because a class name may contain braces too."""
    more = len(data.class_names) - len(class_names)
    listed = ", ".join(readable_name(name) for name in class_names) + (f" (and {more} more)" if more else "")
    values = {
        "classes": f"{len(data.class_names)}",
        "images": f"{data.images}",
        "class_list": listed,
        "description": config.description,
        "count": f"{count}",
        "questions": "\n".join(f"- {question}" for question in questions),
        "max_characters": f"{config.rules.max_characters}",
    }
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)


def _too_few(found: QuestionFilter, config: LlmAspects, requests: int) -> str:
    kinds = Counter(re.sub(": '.*'$", "", rejected.reason) for rejected in found.rejected)
    reasons = "; ".join(f"{count} x {reason}" for reason, count in kinds.most_common(3)) or "it proposed no others"
    example = f", e.g. '{found.rejected[0].question[:80]}'" if found.rejected else ""
    return (
        f"the LLM '{config.llm.model}' proposed {len(found.accepted)} acceptable questions in {requests} requests, "
        f"{config.count} (aspects.count) are needed; rejected {len(found.rejected)}{example} ({reasons}). "
        "Choose another model, raise aspects.max_rounds, or write the questions yourself (aspects.source: file)"
    )
