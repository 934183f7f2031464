"""Keep vLLM's engine busy: requests of all calls are added as soon as they are ready, and answers collected."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmkd_ray.answers.probability import Answers
from mmkd_ray.errors import innermost_cause


class PendingAnswers:
    """The cells of one call, filled in by the engine's thread while the caller's thread prepares the next image.

    A cell is done once, answered or failed; anything later about it is ignored. If an image fails after some of its
    cells were submitted, these will still be answered.
    """

    def __init__(self, images: int, questions: int) -> None:
        self._log_p_NQA = np.full((images, questions, 2), np.nan, dtype=np.float32)
        self._done_NQ = np.zeros((images, questions), dtype=bool)
        self._failed: dict[int, str] = {}
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def answer(self, row: int, column: int, log_p_yes: float, log_p_no: float) -> None:
        """Fill in one cell."""
        with self._changed:
            if not self._done_NQ[row, column]:
                self._log_p_NQA[row, column] = log_p_yes, log_p_no
                self._done_NQ[row, column] = True
            self._changed.notify_all()

    def fail_cell(self, row: int, column: int, reason: str) -> None:
        """Record that one cell of an image cannot be asked; the image fails with the first such reason."""
        with self._changed:
            self._failed.setdefault(row, reason)
            self._done_NQ[row, column] = True
            self._changed.notify_all()

    def fail_image(self, row: int, reason: str) -> None:
        """Record that no question can be asked about an image; `wait` no longer waits for its cells."""
        with self._changed:
            self._failed.setdefault(row, reason)
            self._done_NQ[row] = True
            self._changed.notify_all()

    def abandon(self, error: BaseException) -> None:
        """Let `wait` raise `error`: the engine has died."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def wait(self) -> Answers:
        """Block until every cell is answered or failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._done_NQ.all() or self._error is not None)
        if self._error is not None:
            raise self._error
        self._log_p_NQA[list(self._failed)] = np.nan
        return Answers(self._log_p_NQA[..., 0], self._log_p_NQA[..., 1], self._failed)


@dataclass(frozen=True)
class Sampling:
    """How a cell is asked, and how its answer is read."""

    params: Any
    """vLLM's `SamplingParams`."""
    read: Callable[[Any], tuple[float, float]]
    """(log P(yes), log P(no)) of a finished request's output."""


@dataclass(frozen=True)
class Request:
    """One cell to be asked."""

    answers: PendingAnswers
    row: int
    column: int
    prompt: Any
    """vLLM's `EngineInput`."""
    sampling: Sampling


@dataclass
class Counts:
    """What the engine has done."""

    busy_s: float = 0.0
    """Time spent in the engine: adding requests, and its steps."""
    requests: int = 0
    prompt_tokens: int = 0
    computed_tokens: int = 0
    """Prompt tokens that were not found in the prefix cache."""


@dataclass
class EngineThread:
    """Owns the engine: no other thread may call it.

    `LLM.generate` would wait for the last answer of a batch before it starts with the first image of the next.
    """

    make: Callable[[], Any]
    """Creates vLLM's `LLMEngine`, in the thread that it will run in: OpenMP's settings belong to a thread."""
    refusals: tuple[type[Exception], ...]
    """Exceptions that the engine raises for a request that it refuses."""
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._open: dict[str, Request] = {}
        self._number = 0
        self._dead: BaseException | None = None
        self._engine: Any = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._dead is not None:
            raise self._dead

    @property
    def renderer(self) -> Any:
        """Turns prompts into requests; only one thread at a time may use it."""
        return self._engine.renderer

    def submit(self, request: Request) -> None:
        """Submit one cell; its `PendingAnswers` receive the answer."""
        self._inbox.put(request)
        if self._dead is not None:
            request.answers.abandon(self._dead)

    def close(self) -> None:
        """Wait until everything submitted is answered, then end the thread and release the engine."""
        self._inbox.put(None)
        self._thread.join()
        self._engine = None

    def _run(self) -> None:
        try:
            self._engine = self.make()
            self._ready.set()
            while self._admit():
                started = time.perf_counter()
                outputs = self._engine.step()
                self.counts.busy_s += time.perf_counter() - started
                for output in outputs:
                    self._deliver(output)
        except BaseException as error:
            self._dead = error
            self._ready.set()
            for request in self._open.values():
                request.answers.abandon(error)
            while not self._inbox.empty():
                if (waiting := self._inbox.get()) is not None:
                    waiting.answers.abandon(error)

    def _admit(self) -> bool:
        """Add submitted requests to the engine; wait if it has none. False once it is closed and all is answered."""
        while not self._inbox.empty() or not self._open:
            request = self._inbox.get()
            if request is None:
                if not self._open:
                    return False
                self._inbox.put(None)  # read again when all requests are answered
                return True
            self._add(request)
        return True

    def _add(self, request: Request) -> None:
        name = str(self._number)
        self._number += 1
        started = time.perf_counter()
        try:
            self._engine.add_request(name, request.prompt, request.sampling.params)
        except self.refusals as error:
            request.answers.fail_cell(request.row, request.column, innermost_cause(error))
        else:
            self._open[name] = request
        self.counts.busy_s += time.perf_counter() - started

    def _deliver(self, output: Any) -> None:
        if not output.finished:
            return
        request = self._open.pop(output.request_id)
        self.counts.requests += 1
        self.counts.prompt_tokens += len(output.prompt_token_ids)
        self.counts.computed_tokens += len(output.prompt_token_ids) - (output.num_cached_tokens or 0)
        request.answers.answer(request.row, request.column, *request.sampling.read(output))
