"""The tokens of the two answers, found in the teacher's tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmkd_ray.config import Asking
from mmkd_ray.errors import TeacherError


@dataclass(frozen=True)
class AnswerTokens:
    """Token ids whose probabilities add up to that of an answer."""

    yes: tuple[int, ...]
    no: tuple[int, ...]

    @property
    def all(self) -> list[int]:
        """The tokens of both answers, without duplicates."""
        return list(dict.fromkeys([*self.yes, *self.no]))

    def log_p(self, log_p_by_token: dict[int, float]) -> tuple[float, float]:
        """Natural logs of P(yes) and P(no): log-sum-exp over the variants of each."""
        yes, no = (np.logaddexp.reduce([log_p_by_token[token] for token in side]) for side in (self.yes, self.no))
        return float(yes), float(no)


def answer_tokens(tokenizer: Any, teacher: Asking) -> AnswerTokens:
    """The tokens of the two answers, chosen by `teacher.tokens`.

    Raises:
        TeacherError: an answer is not one token, so that its probability is not that of the first token.
    """
    if teacher.tokens == "canonical":
        return AnswerTokens((single_token(tokenizer, teacher.yes_token),), (single_token(tokenizer, teacher.no_token),))
    return AnswerTokens(_variants(tokenizer, teacher.yes_token), _variants(tokenizer, teacher.no_token))


def single_token(tokenizer: Any, answer: str) -> int:
    """The id of an answer's token.

    Raises:
        TeacherError: the tokenizer writes the answer in several tokens or in none.
    """
    ids = tokenizer.encode(answer, add_special_tokens=False)
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        raise TeacherError(
            f"'{answer}' is {len(ids)} tokens in the teacher's tokenizer, not one; "
            "choose teacher.yes_token and teacher.no_token that are single tokens"
        )
    return ids[0]


def is_variant(text: str, answer: str) -> bool:
    """Whether a text is the answer, ignoring case and surrounding spaces: "Yes", " yes", "YES"."""
    return text.strip().casefold() == answer.strip().casefold()


def _variants(tokenizer: Any, answer: str) -> tuple[int, ...]:
    special = set(tokenizer.all_special_ids)
    found = tuple(
        token
        for token in sorted(tokenizer.get_vocab().values())
        if token not in special and is_variant(tokenizer.decode([token]), answer)
    )
    if not found:
        raise TeacherError(
            f"no single token of the teacher's tokenizer spells '{answer}'; "
            "choose teacher.yes_token and teacher.no_token that it has"
        )
    return found
