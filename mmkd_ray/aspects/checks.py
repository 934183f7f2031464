"""Which proposed questions are accepted, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mmkd_ray.aspects.wording import near_duplicates, normal
from mmkd_ray.config import QuestionRules

_VERBS = (
    "is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|should|may|might|must|"
    "(?:is|are|was|were|does|do|did|has|have|had|ca|could|would|wo)n['\N{RIGHT SINGLE QUOTATION MARK}]t"
)
_OPENING = re.compile(rf"(?:.*[,:]\s*)?(?:{_VERBS})\b", re.IGNORECASE)
"""A yes/no question begins with a verb, possibly after a clause: "In this image, is ..."."""
_TO_THE_READER = re.compile(
    r"\b(?:would you like|do you want|do you need|would you prefer|shall i|should i|can i|may i|could i|let me know|"
    r"is there anything else|does this help|do these (?:help|work|look|meet|fit|suit|questions)|"
    r"are these (?:questions|what))\b",
    re.IGNORECASE,
)
"""What a chatty model asks its user."""


@dataclass(frozen=True)
class Rejected:
    """A proposed question that is not asked."""

    question: str
    reason: str


@dataclass
class Sieve:
    """Takes proposed questions and keeps those that can be asked, in the order in which they came."""

    rules: QuestionRules
    class_names: Sequence[str]
    accepted: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, questions: Iterable[str]) -> None:
        """Judge some more questions."""
        for question in questions:
            reason = why_not(question, self.rules, self.class_names) or self._repeats(question)
            if reason:
                self.rejected.append(Rejected(question, reason))
            else:
                self.accepted.append(question)

    def _repeats(self, question: str) -> str | None:
        """The question that this one repeats, word for word or nearly."""
        own = normal(question)
        if any(normal(other) == own for other in self.accepted):
            return "is a duplicate"
        last = len(self.accepted)
        repeated = near_duplicates([*self.accepted, question], above=self.rules.duplicate_above, since=last)
        if last in repeated:
            return f"says the same as another: '{self.accepted[repeated[last]]}'"
        return None


def why_not(question: str, rules: QuestionRules, class_names: Sequence[str]) -> str | None:
    """Why a question cannot be asked, whatever the others are; None if it can."""
    name = None if rules.allow_class_names else _class_in(question, class_names)
    problems = {
        "is not a question: it does not end with '?'": not question.endswith("?"),
        "is addressed to the reader, not about an image": _TO_THE_READER.search(question),
        "cannot be answered by Yes or No": not _OPENING.match(question),
        "is not a whole question": len(normal(question).split()) < 3,
        f"is longer than {rules.max_characters} characters (aspects.rules.max_characters)": (
            len(question) > rules.max_characters
        ),
        f"names a class: '{name}'": name is not None,
    }
    return next((problem for problem, found in problems.items() if found), None)


def _class_in(question: str, class_names: Sequence[str]) -> str | None:
    """The class that a question names, in singular or plural."""
    text = f" {normal(question)} "
    for name in class_names:
        words = normal(spoken(name))
        plurals = [words + "s", words + "es", words[:-1] + "ies" if words.endswith("y") else words]
        if words and any(f" {form} " in text for form in (words, *plurals)):
            return name
    return None


def spoken(class_name: str) -> str:
    """A class name as people say it: `001.Black_footed_Albatross` is Black footed Albatross."""
    return re.sub(r"^\d+[._ -]+", "", class_name).replace("_", " ").strip()
