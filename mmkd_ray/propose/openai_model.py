"""An LLM behind an OpenAI-compatible endpoint, asked one request at a time."""

from __future__ import annotations

import time
from typing import Any

import openai

from mmkd_ray.config import OpenAiLlm
from mmkd_ray.errors import AspectError
from mmkd_ray.extract.engines.openai.endpoint import Endpoint, Failure, Pace
from mmkd_ray.propose.reply import QUESTIONS_SCHEMA, Reply

_REFUSED = {400, 404, 415, 422, 501}
"""Status codes with which endpoints refuse an unknown option."""
_SCHEMA_WORDS = ("response_format", "json_schema", "structured", "guided", "schema", "grammar")


class OpenAiModel:
    """Asks an endpoint. The `openai` package retries, with growing pauses or those of `Retry-After`.

    Raises:
        AspectError: the key is missing, and the endpoint is not on this machine.
    """

    def __init__(self, llm: OpenAiLlm) -> None:
        self._llm = llm
        self._endpoint = Endpoint.of(llm)
        self._pace = Pace(llm.requests_per_minute)
        self._options: dict[str, Any] = {"temperature": llm.temperature, "max_tokens": llm.max_tokens}
        if llm.structured_output:
            schema = {"name": "questions", "strict": True, "schema": QUESTIONS_SCHEMA}
            self._options["response_format"] = {"type": "json_schema", "json_schema": schema}
        self._client = openai.OpenAI(
            base_url=llm.base_url,
            api_key=self._endpoint.sent_key,
            timeout=llm.timeout_s,
            max_retries=llm.max_retries,
            http_client=openai.DefaultHttpxClient(event_hooks={"request": [self._before_each]}),
        )

    def ask(self, prompt: str) -> Reply:
        """The reply to one user message.

        Raises:
            AspectError: the endpoint refuses, or does not answer after `max_retries` retries. The key is removed from
                the message.
        """
        try:
            completion = self._client.chat.completions.create(
                model=self._llm.model, messages=[{"role": "user", "content": prompt}], extra_body=self._options
            )
        except (openai.OpenAIError, ValueError) as error:
            failure: Failure = error
        else:
            return self._read(completion)
        # Raised outside the handler: the failure may quote the key, and must not become the new error's context.
        if self._drop_unsupported_option(failure):
            return self.ask(prompt)
        raise self._endpoint.error(failure)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _before_each(self, _request: Any) -> None:
        """Called before every request, retries included: endpoints count retries too."""
        time.sleep(self._pace.wait_s())

    def _drop_unsupported_option(self, failure: Failure) -> bool:
        """Remove or rename the option that the endpoint refuses; False if the failure is about something else."""
        if not isinstance(failure, openai.APIStatusError) or failure.status_code not in _REFUSED:
            return False
        message = str(failure).lower()
        if "max_completion_tokens" in message and "max_tokens" in self._options:
            self._options["max_completion_tokens"] = self._options.pop("max_tokens")
            return True
        if "temperature" in message and "temperature" in self._options:
            del self._options["temperature"]
            return True
        if any(word in message for word in _SCHEMA_WORDS) and "response_format" in self._options:
            del self._options["response_format"]
            return True
        return False

    def _read(self, completion: Any) -> Reply:
        choice = self._endpoint.completion(completion).choices[0]
        text = choice.message.content if choice.message else None
        if choice.finish_reason == "content_filter" or not (text and text.strip()):
            refusal = getattr(choice.message, "refusal", None) or f"finish_reason {choice.finish_reason}"
            raise AspectError(
                f"model '{self._llm.model}' at {self._llm.base_url} returned no text "
                f"({self._endpoint.quote(refusal)}); raise aspects.llm.max_tokens, change the prompt, or choose "
                "another model"
            )
        return Reply(self._endpoint.redact(text), choice.finish_reason == "length")
