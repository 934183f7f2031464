"""An endpoint that looks at the picture and behaves as badly as a test wants."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from tests.support.http_server import Reply


@dataclass(frozen=True)
class Asked:
    """A request for a chat completion."""

    body: dict[str, Any]
    key: str
    at_s: float
    again: int
    """How often this cell was asked before."""

    @property
    def content(self) -> list[dict[str, Any]]:
        return self.body["messages"][0]["content"]

    @property
    def encoded(self) -> bytes:
        head, data = self.content[0]["image_url"]["url"].split(",")
        assert head in ("data:image/png;base64", "data:image/jpeg;base64")
        return base64.b64decode(data)

    @property
    def picture(self) -> Image.Image:
        """As a plain decoder shows it: no EXIF, no care for transparency."""
        return Image.open(io.BytesIO(self.encoded))

    @property
    def question(self) -> str:
        return self.content[-1]["text"]


def p_yes_of(pixels: np.ndarray, question: str) -> float:
    """The fake's opinion: another one for every picture and question."""
    return 0.05 + 0.9 * (float(pixels.mean()) / 255 * 0.7 + len(question) % 10 / 10 * 0.3)


def answer(asked: Asked) -> Reply:
    p = p_yes_of(np.asarray(asked.picture.convert("RGB")), asked.question)
    return completion([("Yes", p * 0.98), ("No", (1 - p) * 0.98), ("Maybe", 0.001)])


def completion(tokens: list[tuple[str, float]] | None, **choice: Any) -> Reply:
    """A chat completion; the tokens with their probabilities."""
    listed = [{"token": token, "logprob": float(np.log(p)), "bytes": list(token.encode())} for token, p in tokens or []]
    logprobs = None if tokens is None else {"content": [{**listed[0], "top_logprobs": listed}]} if listed else {}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "owl",
        "choices": [
            {
                "index": 0,
                "finish_reason": "length",
                "message": {"role": "assistant", "content": "Yes"},
                "logprobs": logprobs,
            }
            | choice
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "total_tokens": 101,
            "prompt_tokens_details": {"cached_tokens": 60},
        },
    }
    return Reply(body)


@dataclass
class FakeEndpoint:
    """Behaves as `behave` says; remembers what it was asked."""

    behave: Callable[[Asked], Reply] = answer
    models: Reply = field(default_factory=lambda: Reply({"object": "list", "data": [{"id": "owl", "object": "model"}]}))
    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    most_at_a_time: int = 0
    _now: int = 0
    _times: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, body: dict[str, Any], key: str) -> Reply:
        cell = json.dumps(body["messages"])
        with self._lock:
            asked = Asked(body, key, time.monotonic(), self._times[cell])
            self.asked.append(asked)
            self._times[cell] += 1
            self._now += 1
            self.most_at_a_time = max(self.most_at_a_time, self._now)
        try:
            reply = self.behave(asked)
            time.sleep(reply.delay_s)
        finally:
            with self._lock:
                self._now -= 1
        return reply
