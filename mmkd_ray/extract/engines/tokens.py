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


@dataclass(frozen=True)
class Spelling:
    """A way to write the two answers, and how to configure it."""

    name: str
    """For messages: `' Yes' / ' No'`."""
    setting: str
    """The setting, for messages."""
    tokens: AnswerTokens


def answer_tokens(tokenizer: Any, teacher: Asking) -> AnswerTokens:
    """The tokens of the two answers, chosen by `teacher.tokens`.

    Only what is configured is read; nothing is guessed. The tokens are part of the identity of the answers, which is
    known before any engine runs: if each engine chose tokens by the first images that it sees, two engines could choose
    differently under one identity. If a teacher answers " Yes", the preflight fails with the setting to write
    (`spellings`).

    Raises:
        TeacherError: an answer is not one token, so that its probability is not that of the first token; or both
            answers are the same token.
    """
    if teacher.tokens == "canonical":
        tokens = AnswerTokens(
            (single_token(tokenizer, teacher.yes_token),), (single_token(tokenizer, teacher.no_token),)
        )
    else:
        tokens = AnswerTokens(_variants(tokenizer, teacher.yes_token), _variants(tokenizer, teacher.no_token))
    if shared := set(tokens.yes) & set(tokens.no):
        raise TeacherError(
            f"teacher.yes_token '{teacher.yes_token}' and teacher.no_token '{teacher.no_token}' are the same token of "
            f"the teacher's tokenizer ({', '.join(repr(tokenizer.decode([token])) for token in sorted(shared))}); "
            "choose two words with different tokens"
        )
    return tokens


def spellings(tokenizer: Any, teacher: Asking) -> list[Spelling]:
    """Every pair of single tokens, equal in case and spaces, that could be configured; the last one is all variants."""
    found = []
    for before in ("", " "):
        for style in (str, str.capitalize, str.lower, str.upper):
            yes, no = (before + style(answer.strip()) for answer in (teacher.yes_token, teacher.no_token))
            try:
                tokens = AnswerTokens((single_token(tokenizer, yes),), (single_token(tokenizer, no),))
            except TeacherError:
                continue
            if tokens not in [spelling.tokens for spelling in found]:
                setting = f'teacher.yes_token: "{yes}" and teacher.no_token: "{no}"'
                found.append(Spelling(f"{yes!r} / {no!r}", setting, tokens))
    try:
        together = AnswerTokens(_variants(tokenizer, teacher.yes_token), _variants(tokenizer, teacher.no_token))
    except TeacherError:
        return found
    return [*found, Spelling("all variants", "teacher.tokens: all_variants", together)]


def single_token(tokenizer: Any, answer: str) -> int:
    """The id of an answer's token.

    Raises:
        TeacherError: the tokenizer writes the answer in several tokens or in none, or as a control token.
    """
    ids = tokenizer.encode(answer, add_special_tokens=False)
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        raise TeacherError(
            f"'{answer}' is {len(ids)} tokens in the teacher's tokenizer, not one; "
            "choose teacher.yes_token and teacher.no_token that are single tokens"
        )
    if ids[0] in set(tokenizer.all_special_ids):
        raise TeacherError(
            f"'{answer}' is a control token of the teacher's tokenizer; "
            "choose teacher.yes_token and teacher.no_token that are words"
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
