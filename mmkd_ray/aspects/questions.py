"""The questions of a run: loaded from the configured source, checked, and put in order."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mmkd_ray import fieldguide
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.wording import is_question, normal
from mmkd_ray.config import Config, FieldGuideAspects, FileAspects, LlmAspects, load_yaml, parse_yaml
from mmkd_ray.config.messages import show
from mmkd_ray.console import notice
from mmkd_ray.errors import AspectError
from mmkd_ray.identity import identify, settings

FILE = "aspects.yaml"
"""The selected questions of a run, in `Run.aspects`."""
PROPOSAL = "proposal.json"
"""The questions that an LLM proposed: accepted ones, and rejected ones with reasons. Its replies are in
`conversation/`."""


@dataclass(frozen=True)
class Origin:
    """Where a question comes from."""

    source: str
    """`llm`, `file` or `fieldguide`."""
    model: str | None = None
    """The LLM that proposed it."""
    prompt: str | None = None
    """Hash of the prompts that the LLM was given."""


@dataclass(frozen=True)
class Aspect:
    """One yes/no question."""

    question: str
    orientation_sensitive: bool = False
    """Whether a horizontal flip of the image can change the answer ("facing left")."""
    mirror: str | None = None
    """The question that has this question's answer on the flipped image ("facing right"), if known."""
    weight: float = 1.0
    """Factor of its term in the aspect loss."""
    paraphrase: str | None = None
    """The same question in other words; used only to check that the teacher gives both the same answer."""
    origin: Origin | None = None
    information: float | None = None
    """What its answer told about the class in the pilot, in bits; None where it was not selected by that."""

    @property
    def id(self) -> str:
        """Stable hash of the text: columns are found by it, never by their position."""
        return hashlib.sha256(self.question.encode()).hexdigest()[:12]


def load_aspects(config: Config, run: Run) -> tuple[Aspect, ...]:
    """The Q questions of a run, in order.

    Raises:
        AspectError: an entry is not a question, a question is a duplicate, or there are fewer than `aspects.count`.
        ArtifactError: they must first be selected by `mmkd aspects`.
    """
    aspects = config.aspects
    if isinstance(aspects, FieldGuideAspects | FileAspects) and not is_selected(config):
        available = source_aspects(aspects)
        if aspects.select == "random":
            order = np.random.default_rng(aspects.select_seed).permutation(len(available))
            available = tuple(available[position] for position in order)
        return _first(available, aspects.count, getattr(aspects, "path", "the field guide"))
    record = run.require(run.aspects, "aspects", settings=selection_settings(config))
    place = f"{run.aspects.uri}/{FILE}"
    content = run.aspects.read_checked(FILE, {})
    if record.get("written") not in (None, hashlib.sha256(content).hexdigest()[:16]):
        notice(f"{place} is not as it was selected: it has been edited, and counts as it is now")
    found = _first(parse_aspects(parse_yaml(content, place), place), aspects.count, place)
    return found if aspects.weighting == "uniform" else _weighted(found, place)


def _weighted(aspects: tuple[Aspect, ...], place: str) -> tuple[Aspect, ...]:
    """The same, each weighted by what it told about the class, so that the weights are 1 on average."""
    if unknown := [aspect.question for aspect in aspects if aspect.information is None]:
        raise AspectError(
            f"{place}: aspects.weighting: information needs to know what '{unknown[0]}' told about the class: give it "
            "an `information` in bits, or delete the file and run `mmkd aspects CONFIG` again"
        )
    weights = [aspect.weight * max(aspect.information or 0.0, 0.0) for aspect in aspects]
    mean = sum(weights) / len(weights)
    if not mean:
        raise AspectError(f"{place}: none of the first {len(aspects)} questions tells anything about the class")
    return tuple(replace(aspect, weight=weight / mean) for aspect, weight in zip(aspects, weights, strict=True))


def is_selected(config: Config) -> bool:
    """Whether `mmkd aspects` must select the questions first, by an LLM or by evidence."""
    return config.aspects.select not in ("file", "random")


def in_own_order(config: Config) -> Config:
    """A copy of the configuration that uses all questions of the source, in the source's order.

    For reading imported answers: their values are in that order, and the questions can be ranked only after the answers
    have been read.
    """
    aspects = config.aspects
    if isinstance(aspects, LlmAspects) or aspects.select == "file":
        return config
    study = config.study.model_copy(update={"variants": {}})
    return config.model_copy(
        update={"aspects": aspects.model_copy(update={"select": "file", "count": None}), "study": study}
    )


def source_aspects(config: FieldGuideAspects | FileAspects) -> tuple[Aspect, ...]:
    """The questions of a source, in the source's order.

    Raises:
        AspectError: an entry is not a question, or a question is a duplicate.
    """
    if isinstance(config, FileAspects):
        return parse_aspects(load_yaml(config.path), config.path)
    return tuple(
        Aspect(
            question.text,
            question.orientation_sensitive,
            question.mirror,
            paraphrase=question.paraphrases[0],
            origin=Origin("fieldguide"),
        )
        for question in fieldguide.QUESTIONS
        if not config.topics or question.topic in config.topics
    )


def selection_settings(config: Config) -> str:
    """Key of the settings that decide how the questions are selected."""
    # An order by evidence is the same for every Q; an LLM selects exactly Q.
    exclude = {"llm", "weighting"} if config.aspects.select == "llm" else {"llm", "weighting", "count"}
    facts = settings(config.aspects, exclude=exclude)
    if config.aspects.source == "llm":
        facts["llm"] = settings(config.aspects.llm, include={"kind", "model"})
    if config.aspects.select != "llm":
        facts["pilot"] = settings(config.pilot)
    return identify("selection settings", **facts).key


def parse_aspects(entries: Any, place: str) -> tuple[Aspect, ...]:
    """The questions of a YAML list, in the order of their ranks; those without a rank come last, in the list's order.

    Args:
        entries: the parsed YAML.
        place: where it was read from, for error messages.

    Raises:
        AspectError: it is not a list of questions, or one is a duplicate.
    """
    if not isinstance(entries, list) or not entries:
        raise AspectError(f"{place}: expected a list of questions, e.g. '- Is the bird flying?'")
    ranked = [(_rank(entry), _parse(entry, place)) for entry in entries]
    if not any(aspect.weight for _, aspect in ranked):
        raise AspectError(
            f"{place}: every question has the weight 0, so that none would be taught; leave one out instead"
        )
    _check_unique([aspect for _, aspect in ranked], place)
    return tuple(aspect for _, aspect in sorted(ranked, key=lambda pair: pair[0]))


_GIVEN = ("orientation_sensitive", "mirror", "weight", "paraphrase", "information")
_KEYS: Mapping[str, Any] = {
    "question": str,
    "id": str,
    "rank": (int, float),
    "orientation_sensitive": bool,
    "mirror": str,
    "weight": (int, float),
    "information": (int, float),
    "paraphrase": str,
    "source": str,
    "model": str,
    "prompt": str,
}


def _rank(entry: Any) -> float:
    rank = entry.get("rank") if isinstance(entry, dict) else None
    return rank if isinstance(rank, (int, float)) else float("inf")


def _parse(entry: Any, place: str) -> Aspect:
    if isinstance(entry, str):
        entry = {"question": entry}
    if isinstance(entry, dict):
        # A key without a value, such as `rank:`, counts as absent.
        entry = {key: value for key, value in entry.items() if value is not None or key not in _KEYS}
    if (
        not isinstance(entry, dict)
        or "question" not in entry
        or any(not _is_accepted(key, value) for key, value in entry.items())
    ):
        raise AspectError(
            f"{place}: expected a text, or a mapping of question (TEXT) and, optionally, orientation_sensitive (true "
            f"or false), mirror (TEXT), weight (NUMBER), rank (NUMBER), paraphrase (TEXT), got {show(entry)}"
            + _quoting(entry)
        )
    text = entry["question"].strip()
    if not is_question(text):
        raise AspectError(f"{place}: '{text}' is not a question; it must end with '?' and be answered by Yes or No")
    given = {key: entry[key] for key in _GIVEN if key in entry}
    # The `id` of the entry is ignored: the text may have been edited since it was written.
    aspect = Aspect(text, **given, origin=Origin(entry.get("source", "file"), entry.get("model"), entry.get("prompt")))
    if aspect.weight < 0:
        raise AspectError(f"{place}: the weight of '{text}' is {aspect.weight}; it must not be negative")
    if aspect.mirror and not aspect.orientation_sensitive:
        raise AspectError(
            f"{place}: '{text}' has a mirror but is not marked orientation_sensitive: true; mark it, or leave "
            "the mirror out"
        )
    return aspect


def _quoting(entry: Any) -> str:
    """What to do with a question that YAML takes for a mapping: `- Is it red: yes or no?`."""
    if (
        isinstance(entry, dict)
        and not _KEYS.keys() & entry.keys()
        and any(is_question(str(value)) for value in entry.values())
    ):
        return "; a question with a colon is written in quotes"
    return ""


def _is_accepted(key: str, value: Any) -> bool:
    """Whether an entry may have this; `true` is 1 to Python, and no number here."""
    if isinstance(value, bool):
        return _KEYS.get(key) is bool
    finite = not isinstance(value, float) or math.isfinite(value)
    return finite and key in _KEYS and isinstance(value, _KEYS[key])


def _first(aspects: tuple[Aspect, ...], count: int | None, place: str) -> tuple[Aspect, ...]:
    if count is not None and count > len(aspects):
        raise AspectError(
            f"aspects.count is {count}, but {place} has {len(aspects)} questions: lower it, or leave it out for all"
        )
    return aspects[:count]


def _check_unique(aspects: list[Aspect], place: str) -> None:
    seen: set[str] = set()
    for aspect in aspects:
        if normal(aspect.question) in seen:
            raise AspectError(f"{place}: '{aspect.question}' is a duplicate; remove one of the two")
        seen.add(normal(aspect.question))
