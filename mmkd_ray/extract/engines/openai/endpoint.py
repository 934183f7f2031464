"""An OpenAI-compatible endpoint: who is asked, with which key, how often, and what its failures mean."""

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

_SAID_LENGTH = 300
"""Characters of an endpoint's own words that an error keeps."""
_PLACEHOLDER = "none"
"""The key for a server on this machine, which usually asks for none; the `openai` package insists on one."""
_KEY_PREFIX_LENGTH = 8
"""Characters at the start of a key by which an endpoint's echo of it is known, even one that is cut off or masked."""
_REFUSED_CELL = {400, 413, 422}
"""Statuses that are about what was sent: a prompt too long, an image too large or refused."""
_PASSING = {408, 409, 429}
"""Statuses, with all from 500, that the `openai` package retries."""

Failure = openai.OpenAIError | ValueError
"""What a request raises; ValueError where an answer is not the JSON that it says it is."""


@dataclass(frozen=True)
class Endpoint:
    """Who is asked. Every text from outside goes through `said`, which takes the key out of it."""

    base_url: str
    model: str
    key_env: str
    key: str | None = field(repr=False)
    section: str = "teacher"
    """Of the configuration, for the advice in errors."""

    @classmethod
    def of(cls, asked: OpenAiTeacher | OpenAiLlm) -> Self:
        """The endpoint of a teacher, or of the LLM that proposes questions; its key is read from the environment.

        Raises:
            TeacherError: the variable is missing though the endpoint is not on this machine, or holds no key.
            AspectError: the same, where the LLM is asked.
        """
        key = os.environ.get(asked.api_key_env, "").strip() or None
        endpoint = cls(
            asked.base_url, asked.model, asked.api_key_env, key,
            "teacher" if isinstance(asked, OpenAiTeacher) else "aspects.llm",
        )  # fmt: skip
        if key is None and not _is_on_this_machine(asked.base_url):
            where = " in the actors" if endpoint.section == "teacher" else ""
            raise endpoint.mistake(
                f"{asked.base_url} needs a key, but the environment variable {asked.api_key_env} is not set{where}; "
                "set it (to any word, if the endpoint asks for no key), or name another one in "
                f"{endpoint.section}.api_key_env"
            )
        if key is not None and not re.fullmatch(r"[!-~]+", key):
            # The HTTP library would say so too, and quote the key.
            raise endpoint.mistake(
                f"the environment variable {asked.api_key_env} holds no key: a key is printable ASCII without spaces"
            )
        return endpoint

    @property
    def mistake(self) -> type[MmkdError]:
        """What its failures are raised as."""
        return TeacherError if self.section == "teacher" else AspectError

    @property
    def sent_key(self) -> str:
        """The key that goes into the request."""
        return self.key or _PLACEHOLDER

    def said(self, words: object) -> str:
        """One line of what an endpoint or a library said, without the key."""
        # Cut only then: a key that is cut in two is not found.
        return " ".join(self.without_key(str(words)).split())[:_SAID_LENGTH]

    def without_key(self, text: str) -> str:
        """The text with the key taken out of it, should it echo the key."""
        return text if self.key is None else re.sub(_echo_of(self.key), "<key>", text)

    def refusal(self, failure: Failure) -> str | None:
        """Why this one image cannot be asked; None if the failure is not about the image.

        A refusal of log-probabilities has the same status, and would come back for every image.
        """
        if not isinstance(failure, openai.APIStatusError) or failure.status_code not in _REFUSED_CELL:
            return None
        reason = self._reason(failure)
        return None if "logprobs" in reason else f"the endpoint refuses it ({failure.status_code}): {reason}"

    def error(self, failure: Failure) -> MmkdError:
        """What a failure means and what to do; it holds no other exception, nor the key."""
        reason = self._reason(failure)
        if not isinstance(failure, openai.APIError):
            return self.mistake(
                f"{self.base_url} does not answer with a chat completion: {reason}; {self._check_url()}"
            )
        if isinstance(failure, openai.APIStatusError) and not _passes(failure):
            return self.mistake(self._refused(failure.status_code, reason))
        retries = failure.request.headers.get("x-stainless-retry-count", "0")
        fewer = "lower teacher.concurrency, " if self.section == "teacher" else ""
        return self.mistake(
            f"{self.base_url} gives no answer after {retries} retries: {reason}; run the same command again when it "
            f"does: what is answered is kept. For an endpoint that is busy or slow, {fewer}set "
            f"{self.section}.requests_per_minute, or raise {self.section}.timeout_s"
        )

    def completion(self, reply: object) -> ChatCompletion:
        """A reply that is one: the `openai` package takes any JSON for a chat completion, and hands on any other text.

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
                "gives so many log-probabilities (vLLM does)"
            )
        if status == 401:
            got = f"the key in {self.key_env} is not accepted" if self.key else f"a key is wanted, in {self.key_env}"
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
            return self.said(f"{failure}{cause}")
        return self.said(_message(failure.body) or failure.message)


class Pace:
    """Turns at even intervals, counted in one thread.

    Even, and not all of a minute's at once: endpoints watch their limit over seconds too, all actors start at the same
    time, and one that is started again must not bring another minute's worth.
    """

    def __init__(self, per_minute: float | None) -> None:
        """Without limit where `per_minute` is None or 0."""
        self._interval_s = 60 / per_minute if per_minute else 0.0
        self._next_s = 0.0

    def wait_s(self) -> float:
        """Take the next turn; seconds until it comes."""
        now = time.monotonic()
        turn = max(now, self._next_s)
        self._next_s = turn + self._interval_s
        return turn - now


def _message(body: object) -> object:
    """The sentence in an error's body, wherever a server puts it."""
    if not isinstance(body, Mapping):
        return body
    for name in ("message", "detail", "error"):
        if body.get(name):
            return _message(body[name])
    return body


def _echo_of(key: str) -> str:
    """A regular expression; a key that is a mere word, for a server that takes any, can be in other words."""
    start = re.escape(key[:_KEY_PREFIX_LENGTH])
    return start + r"[!-~]*" if len(key) >= _KEY_PREFIX_LENGTH else rf"\b{start}\b"


def _passes(failure: openai.APIStatusError) -> bool:
    return failure.status_code in _PASSING or failure.status_code >= 500


def _is_on_this_machine(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
