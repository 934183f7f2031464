"""An OpenAI-compatible endpoint: its address, key and rate limit, and errors that explain its failures."""

from __future__ import annotations

import ipaddress
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletion

from mmkd_ray.config import OpenAiLlm, OpenAiTeacher
from mmkd_ray.errors import AspectError, MmkdError, TeacherError

_QUOTE_LENGTH = 300
"""Characters of an endpoint's message that an error quotes."""
_PLACEHOLDER = "none"
"""The key for a server on this machine, which usually needs none; the `openai` package requires one."""
_KEY_PREFIX_LENGTH = 8
"""Length of the prefix by which a key is found in an endpoint's message, even if it is cut off or masked there."""
_REFUSED_CELL = {400, 413, 422}
"""Status codes about the content of a request: a prompt too long, an image too large or refused."""
_TEMPORARY = {408, 409, 429}
"""Status codes that the `openai` package retries, besides all from 500."""

Failure = openai.OpenAIError | ValueError
"""What a request raises; ValueError if a reply is not valid JSON."""


@dataclass(frozen=True)
class Endpoint:
    """The endpoint that is asked. Every text from outside must go through `quote` or `redact`, which remove the key."""

    base_url: str
    model: str
    key_env: str
    key: str | None = field(repr=False)
    section: str = "teacher"
    """The section of the configuration, for the advice in errors."""

    @classmethod
    def of(cls, asked: OpenAiTeacher | OpenAiLlm) -> Self:
        """The endpoint of a teacher, or of the LLM that proposes questions; its key is read from the environment.

        Raises:
            TeacherError: the variable is not set, and the endpoint is not on this machine; or it holds no valid key.
            AspectError: the same, for an LLM.
        """
        key = os.environ.get(asked.api_key_env, "").strip() or None
        endpoint = cls(
            asked.base_url, asked.model, asked.api_key_env, key,
            "teacher" if isinstance(asked, OpenAiTeacher) else "aspects.llm",
        )  # fmt: skip
        if key is None and not _is_on_this_machine(asked.base_url):
            where = " in the actors" if endpoint.section == "teacher" else ""
            raise endpoint.error_class(
                f"{asked.base_url} needs a key, but the environment variable {asked.api_key_env} is not set{where}; "
                "set it (to any word, if the endpoint asks for no key), or name another one in "
                f"{endpoint.section}.api_key_env"
            )
        if key is not None and not re.fullmatch(r"[!-~]+", key):
            # The HTTP library would refuse it too, but with the key in its message.
            raise endpoint.error_class(
                f"the environment variable {asked.api_key_env} does not hold a key: a key is printable ASCII without "
                "spaces"
            )
        return endpoint

    @property
    def error_class(self) -> type[MmkdError]:
        """The class of errors about this endpoint."""
        return TeacherError if self.section == "teacher" else AspectError

    @property
    def sent_key(self) -> str:
        """The key that is sent with a request."""
        return self.key or _PLACEHOLDER

    def quote(self, message: object) -> str:
        """A message of an endpoint or a library, in one line, shortened and without the key."""
        # Shortened last: a key that is cut in two would not be found.
        return " ".join(self.redact(str(message)).split())[:_QUOTE_LENGTH]

    def redact(self, text: str) -> str:
        """The text with the key, if it contains it, replaced by `<key>`."""
        return text if self.key is None else re.sub(_key_pattern(self.key), "<key>", text)

    def refusal(self, failure: Failure) -> str | None:
        """Why this one image cannot be asked about; None if the failure is not about the image.

        A refusal of log-probabilities has the same status code, but would be repeated for every image.
        """
        if not isinstance(failure, openai.APIStatusError) or failure.status_code not in _REFUSED_CELL:
            return None
        reason = self._reason(failure)
        return None if "logprobs" in reason else f"the endpoint refuses it ({failure.status_code}): {reason}"

    def error(self, failure: Failure) -> MmkdError:
        """The error for a failure, saying what to do; it refers to no other exception and does not contain the key."""
        reason = self._reason(failure)
        if not isinstance(failure, openai.APIError):
            return self.error_class(
                f"{self.base_url} does not answer with a chat completion: {reason}; {self._check_url()}"
            )
        if isinstance(failure, openai.APIStatusError) and not _is_temporary(failure):
            return self.error_class(self._refused(failure.status_code, reason))
        retries = failure.request.headers.get("x-stainless-retry-count", "0")
        fewer = "lower teacher.concurrency, " if self.section == "teacher" else ""
        return self.error_class(
            f"{self.base_url} gives no answer after {retries} retries: {reason}; run the same command again later: "
            f"answers so far are kept. For an endpoint that is busy or slow, {fewer}set "
            f"{self.section}.requests_per_minute, or raise {self.section}.timeout_s"
        )

    def completion(self, reply: object) -> ChatCompletion:
        """Check that a reply is a chat completion: the `openai` package accepts any JSON, and returns other text as is.

        Raises:
            TeacherError, AspectError: it is not, or has no choices.
        """
        if isinstance(reply, ChatCompletion) and reply.choices:
            return reply
        raise self.error(ValueError(reply.to_json() if isinstance(reply, ChatCompletion) else reply))

    def no_logprobs(self) -> TeacherError:
        """The error about an answer without log-probabilities."""
        return TeacherError(
            f"{self.base_url} answers without log-probabilities for model '{self.model}', and P(yes) is read from "
            "them; choose a model or an endpoint that returns them (vLLM does)"
        )

    def _refused(self, status: int, reason: str) -> str:
        where = f"{self.base_url} refuses ({status}): {reason}"
        if "logprobs" in reason:
            return (
                f"{where}; P(yes) is read from the 20 likeliest first tokens: choose a model or an endpoint that "
                "gives that many log-probabilities (vLLM does)"
            )
        if status == 401:
            got = f"the key in {self.key_env} is not accepted" if self.key else f"a key is needed, in {self.key_env}"
            return f"{where}; {got} ({self.section}.api_key_env): set that environment variable to a valid one"
        if status == 403:
            return f"{where}; the key in {self.key_env} may not use model '{self.model}'"
        if status == 404:
            return f"{where}; there is no model '{self.model}' ({self.section}.model), or {self._check_url()}"
        return where

    def _check_url(self) -> str:
        return f"check {self.section}.base_url, which usually ends in /v1"

    def _reason(self, failure: Failure) -> str:
        if not isinstance(failure, openai.APIStatusError):
            cause = f" {failure.__cause__}" if failure.__cause__ else ""
            return self.quote(f"{failure}{cause}")
        return self.quote(_message(failure.body) or failure.message)


class Pace:
    """A rate limit with even intervals, for use in one thread.

    Even, not a minute's requests at once: endpoints also limit the rate within seconds, all actors start at the same
    time, and an actor that is restarted must not send another minute's requests.
    """

    def __init__(self, per_minute: float | None) -> None:
        """`per_minute`: None or 0 for no limit."""
        self._interval_s = 60 / per_minute if per_minute else 0.0
        self._next_s = 0.0

    def wait_s(self) -> float:
        """Reserve the next time slot; returns the seconds until it starts."""
        now = time.monotonic()
        slot = max(now, self._next_s)
        self._next_s = slot + self._interval_s
        return slot - now


def _message(body: object) -> object:
    """The message in an error's body; servers put it under different names."""
    if not isinstance(body, Mapping):
        return body
    for name in ("message", "detail", "error"):
        if body.get(name):
            return _message(body[name])
    return body


def _key_pattern(key: str) -> str:
    """A regular expression for a key. A short one (for a server that accepts any) must match as a whole word."""
    start = re.escape(key[:_KEY_PREFIX_LENGTH])
    return start + r"[!-~]*" if len(key) >= _KEY_PREFIX_LENGTH else rf"\b{start}\b"


def _is_temporary(failure: openai.APIStatusError) -> bool:
    return failure.status_code in _TEMPORARY or failure.status_code >= 500


def _is_on_this_machine(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
