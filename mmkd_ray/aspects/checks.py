"""Which proposed questions are accepted, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mmkd_ray.aspects.wording import is_question, near_duplicates, normal
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
"""What a model may ask its user instead of asking about an image."""


@dataclass(frozen=True)
class Rejected:
    """A proposed question that is not accepted."""

    question: str
    reason: str


@dataclass
class QuestionFilter:
    """Sorts proposed questions into accepted and rejected ones, each in the order in which they were added."""

    rules: QuestionRules
    class_names: Sequence[str]
    accepted: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, questions: Iterable[str]) -> None:
        """Check more questions."""
        for question in questions:
            reason = rejection_reason(question, self.rules, self.class_names) or self._duplicate_reason(question)
            if reason:
                self.rejected.append(Rejected(question, reason))
            else:
                self.accepted.append(question)

    def _duplicate_reason(self, question: str) -> str | None:
        """Says if an accepted question is the same, word for word or nearly; None if there is none."""
        if normal(question) in map(normal, self.accepted):
            return "is a duplicate"
        last = len(self.accepted)
        repeated = near_duplicates([*self.accepted, question], above=self.rules.duplicate_above, since=last)
        if last in repeated:
            return f"says the same as another: '{self.accepted[repeated[last]]}'"
        return None


def rejection_reason(question: str, rules: QuestionRules, class_names: Sequence[str]) -> str | None:
    """Why a question is not accepted, regardless of the other questions; None if it is."""
    class_name = None if rules.allow_class_names else _class_in(question, class_names)
    checks = (
        (not is_question(question), "is not a question: it does not end with '?'"),
        (_TO_THE_READER.search(question), "is addressed to the reader, not about an image"),
        (not _OPENING.match(question), "cannot be answered by Yes or No"),
        (len(normal(question).split()) < 3, "is not a whole question"),
        (
            len(question) > rules.max_characters,
            f"is longer than {rules.max_characters} characters (aspects.rules.max_characters)",
        ),
        (class_name is not None, f"names a class: '{class_name}'"),
    )
    return next((reason for failed, reason in checks if failed), None)


def _class_in(question: str, class_names: Sequence[str]) -> str | None:
    """The class that a question names, in singular or plural."""
    text = f" {normal(question)} "
    for name in class_names:
        words = normal(readable_name(name))
        plurals = [words + "s", words + "es", words[:-1] + "ies" if words.endswith("y") else words]
        if words and any(f" {form} " in text for form in (words, *plurals)):
            return name
    return None


def readable_name(class_name: str) -> str:
    """A class name without number and underscores: "Black footed Albatross" for `001.Black_footed_Albatross`."""
    return re.sub(r"^\d+[._ -]+", "", class_name).replace("_", " ").strip()
