"""The teacher behind an OpenAI-compatible endpoint: one request per cell, many in flight at the same time."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np
import openai
from openai.types.chat import ChatCompletion

from mmkd_ray.answers.probability import Answers
from mmkd_ray.config import ExtractConfig, OpenAiTeacher
from mmkd_ray.errors import DataError, TeacherError
from mmkd_ray.extract.engines.openai.answers import answer_log_p
from mmkd_ray.extract.engines.openai.endpoint import Endpoint, Failure, Pace
from mmkd_ray.extract.engines.openai.images import data_uri

T = TypeVar("T")

_TOP_LOGPROBS = 20
"""First tokens whose probabilities are requested: the maximum of commercial endpoints, and vLLM's default maximum."""
_ONE_TOKEN = {"max_tokens": 1}
_ONE_TOKEN_RENAMED = {"max_completion_tokens": 1}
"""The name that OpenAI's newer models require. Servers that do not know it ignore it, and would write long replies:
it is used only if the endpoint requires it."""
_CHECK_RETRIES = 2
_CHECK_TIMEOUT_S = 20.0
"""For the first check of an endpoint; short, because a user with a mistyped address has to wait for it."""
_CLOSE_TIMEOUT_S = 5.0
_RETRY_COUNT = "x-stainless-retry-count"
"""Header in which the `openai` package counts the retries of a request."""


class OpenAiEngine:
    """Asks an endpoint. Its connections are closed by `close`, or when no reference to the engine is left.

    One thread with an event loop sends all requests. So the limits of concurrency and rate are kept in one place,
    whichever thread asks, and all pending requests and retries can be cancelled at once.

    Raises:
        TeacherError: the key is missing, nothing answers at the address, or the key is not accepted.
    """

    def __init__(self, teacher: OpenAiTeacher, extract: ExtractConfig) -> None:
        self._teacher = teacher
        self._endpoint = Endpoint.of(teacher)
        self._one_token = _ONE_TOKEN
        # The name that servers which apply a chat template (vLLM, SGLang) use.
        arguments = teacher.chat_template_args
        self._template_args = {"chat_template_kwargs": arguments} if arguments else {}
        self._counts = dict.fromkeys(("requests", "retries", "prompt_tokens", "computed_tokens"), 0.0)
        self._in_flight = asyncio.Semaphore(teacher.concurrency)
        pace = Pace((teacher.requests_per_minute or 0) / (extract.actors or 1))
        self._client = _client(teacher, self._endpoint, pace, self._counts)
        self._loop = asyncio.new_event_loop()
        # A daemon: pending requests must not keep a process from ending.
        thread = threading.Thread(target=_serve, args=(self._loop,), name="openai-engine", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _shut_down, self._loop, thread, self._client)
        try:
            self._run(_check(self._client, self._endpoint, teacher))
        except BaseException:
            self.close()
            raise

    def answer(self, images: Sequence[bytes], questions: Sequence[str]) -> Answers:
        """Ask every question about every encoded image (RGB, first frame, as a person sees it).

        An image that cannot be read, or that the endpoint refuses to be asked about, is in `failed`.

        Raises:
            TeacherError: the endpoint refuses all requests, answers without log-probabilities, or does not answer after
                `max_retries` retries.
        """
        failed: dict[int, str] = {}
        pictures: dict[int, str] = {}
        # In the caller's thread: requests of other threads continue meanwhile.
        for row, encoded in enumerate(images):
            try:
                pictures[row] = data_uri(encoded)
            except DataError as error:
                failed[row] = str(error)
        log_p_NQA = np.full((len(images), len(questions), 2), np.nan, dtype=np.float32)
        self._run(self._ask_all(pictures, questions, log_p_NQA, failed))
        log_p_NQA[list(failed)] = np.nan
        return Answers(log_p_NQA[..., 0], log_p_NQA[..., 1], failed)

    def counts(self) -> dict[str, float]:
        """Counts of requests and tokens.

        `requests` sent, and how many of them were `retries`; `prompt_tokens`, images included, and how many of them
        were not taken from a cache (`computed_tokens`; all of them, if the endpoint does not tell).
        """
        return dict(self._counts)

    def close(self) -> None:
        """Close the connections and cancel pending requests."""
        self._finalizer()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def _ask_all(
        self, pictures: dict[int, str], questions: Sequence[str], log_p_NQA: np.ndarray, failed: dict[int, str]
    ) -> None:
        """Fill in `log_p_NQA` and `failed`.

        Image by image: requests are sent in the order in which they are created, so that a server that caches prefixes
        still has the image when the next question about it arrives.
        """
        error = None
        try:
            async with asyncio.TaskGroup() as group:
                for row, picture in pictures.items():
                    for column, question in enumerate(questions):
                        group.create_task(self._ask(picture, question, log_p_NQA[row, column], row, failed))
        except* TeacherError as errors:
            error = errors.exceptions[0]
        if error is not None:
            raise error

    async def _ask(self, picture: str, question: str, log_p_A: np.ndarray, row: int, failed: dict[int, str]) -> None:
        """Fill in one cell, or record in `failed` why its image cannot be asked about."""
        async with self._in_flight:
            if row in failed:
                return
            reply = await self._complete(picture, self._teacher.prompt.replace("{question}", question))
        if isinstance(reply, str):
            failed.setdefault(row, reply)
        else:
            log_p_A[:] = self._read(reply)

    async def _complete(self, picture: str, prompt: str) -> ChatCompletion | str:
        """The endpoint's reply, or why it refuses to answer about this image."""
        # The image first: then all questions about it have a common prefix, which a server can cache.
        content = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": prompt}]
        messages: list[Any] = [{"role": "user", "content": content}]
        one_token = self._one_token
        try:
            reply = await self._client.chat.completions.create(
                model=self._teacher.model,
                messages=messages,
                temperature=0,
                logprobs=True,
                top_logprobs=_TOP_LOGPROBS,
                extra_body={**one_token, **self._template_args},
            )
        except (openai.OpenAIError, ValueError) as error:
            failure: Failure = error
        else:
            return self._checked(reply)
        # Raised outside the handler: the failure may quote the key, and must not become the new error's context.
        if one_token is _ONE_TOKEN and "max_completion_tokens" in str(failure):
            self._one_token = _ONE_TOKEN_RENAMED
            return await self._complete(picture, prompt)
        refusal = self._endpoint.refusal(failure)
        if refusal is None:
            raise self._endpoint.error(failure)
        return refusal

    def _checked(self, reply: Any) -> ChatCompletion | str:
        completion = self._endpoint.completion(reply)
        if completion.choices[0].finish_reason == "content_filter":
            return "the endpoint's content filter refuses it"
        return completion

    def _read(self, reply: ChatCompletion) -> tuple[float, float]:
        self._count_tokens(reply.usage)
        listed = _listed(reply)
        if not listed:
            raise self._endpoint.no_logprobs()
        return answer_log_p(listed, self._teacher)

    def _count_tokens(self, usage: Any) -> None:
        prompt = getattr(usage, "prompt_tokens", None) or 0
        cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None) or 0
        self._counts["prompt_tokens"] += prompt
        self._counts["computed_tokens"] += prompt - cached


def _client(teacher: OpenAiTeacher, endpoint: Endpoint, pace: Pace, counts: dict[str, float]) -> openai.AsyncOpenAI:
    async def before_each(request: Any) -> None:
        """Called before every request, retries included: endpoints count retries too."""
        await asyncio.sleep(pace.wait_s())
        if request.method == "POST":
            counts["requests"] += 1
            counts["retries"] += request.headers.get(_RETRY_COUNT, "0") != "0"

    return openai.AsyncOpenAI(
        base_url=teacher.base_url,
        api_key=endpoint.sent_key,
        timeout=teacher.timeout_s,
        max_retries=teacher.max_retries,
        http_client=openai.DefaultAsyncHttpxClient(event_hooks={"request": [before_each]}),
    )


async def _check(client: openai.AsyncOpenAI, endpoint: Endpoint, teacher: OpenAiTeacher) -> None:
    """Request the list of models, to check that the endpoint answers.

    The list itself is ignored: some endpoints have none, or an incomplete one.
    """
    quick_client = client.with_options(
        max_retries=min(teacher.max_retries, _CHECK_RETRIES), timeout=min(teacher.timeout_s, _CHECK_TIMEOUT_S)
    )
    failure: openai.APIError
    try:
        await quick_client.models.with_raw_response.list()
    except openai.APIStatusError as error:
        # Other codes, even 403, can concern only the list: a key may be allowed to ask, but not to list models.
        if error.status_code != 401:
            return
        failure = error
    except openai.APIConnectionError as error:
        failure = error
    else:
        return
    raise endpoint.error(failure)


def _listed(reply: ChatCompletion) -> list[tuple[str, float]]:
    """The likeliest first tokens with their log-probabilities; empty if the reply has none."""
    logprobs = reply.choices[0].logprobs
    if logprobs is None or not logprobs.content:
        return []
    entries = [(getattr(e, "token", None), getattr(e, "logprob", None)) for e in logprobs.content[0].top_logprobs or []]
    return [(token, float(value)) for token, value in entries if isinstance(token, str) and value is not None]


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _shut_down(loop: asyncio.AbstractEventLoop, thread: threading.Thread, client: openai.AsyncOpenAI) -> None:
    async def cancel_all() -> None:
        try:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await client.close()
        finally:
            loop.stop()

    asyncio.run_coroutine_threadsafe(cancel_all(), loop)
    # The garbage collector can call this function, and runs in any thread.
    if threading.current_thread() is not thread:
        thread.join(_CLOSE_TIMEOUT_S)
