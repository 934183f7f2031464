"""P(yes) and P(no) from the likeliest first tokens that an endpoint lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmkd_ray.config import Asking
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.tokens import is_variant

Listed = Sequence[tuple[str, float]]
"""Tokens as the endpoint writes them, with the natural logs of their probabilities."""

_SPACES = " \u0120\u2581"
"""How a token that begins with a space is written: decoded, or as byte-level BPE and SentencePiece spell it."""
_IMPOSSIBLE = -100.0
"""A log-probability that no model gives to its second likeliest token."""
_LEAST = -9999.0
"""What vLLM and OpenAI write for the logarithm of 0; others write -Infinity into the JSON."""
_NOTHING_LEFT = 1e-9
"""Probability assumed for all unlisted tokens if, by rounding, the listed ones add up to 1 or more."""


def answer_log_p(listed: Listed, teacher: Asking) -> tuple[float, float]:
    """Natural logs of P(yes) and P(no).

    An answer that is not listed is at most as likely as the least likely listed token, and as 1 minus the sum of all
    listed ones. It gets this upper bound, which is a little too high. If neither answer is listed, both get it: then
    P(yes) is 1/2, and the answer mass shows that the teacher gave no answer.

    Args:
        listed: at least one token, the likeliest first tokens of the reply.
        teacher: names the two answers, and whether their variants count.

    Raises:
        TeacherError: the endpoint gives probabilities after sampling at temperature 0: 1 for a single token.
    """
    listed = [(token, max(value, _LEAST)) for token, value in listed]
    log_p = [value for _, value in listed]
    if len(log_p) > 1 and sorted(log_p)[-2] < _IMPOSSIBLE:
        raise TeacherError(
            "the endpoint gives all probability to one token: its log-probabilities are those after sampling at "
            "temperature 0, not the model's own; choose an endpoint that gives these (vLLM does)"
        )
    unlisted = max(1 - sum(math.exp(value) for value in log_p), _NOTHING_LEFT)
    bound = min(*log_p, math.log(unlisted))
    return _log_p(listed, teacher.yes_token, teacher, bound), _log_p(listed, teacher.no_token, teacher, bound)


def _log_p(listed: Listed, answer: str, teacher: Asking, bound: float) -> float:
    if teacher.tokens == "all_variants":
        return float(np.logaddexp.reduce([p for token, p in listed if is_variant(_bare(token), answer)] or [bound]))
    # Tokenizers differ in whether "Yes" at the start of a reply is the token "Yes" or " Yes", and an endpoint does not
    # tell. For one model and prompt, one of the two has nearly all of their probability.
    return max((p for token, p in listed if _bare(token) == _bare(answer)), default=bound)


def _bare(token: str) -> str:
    return token.lstrip(_SPACES)
