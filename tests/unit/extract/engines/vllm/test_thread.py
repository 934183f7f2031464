"""The thread that owns an engine, with an engine that keeps what it is given and answers when it is told to."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from mmkd_ray.extract.engines.vllm.thread import Batch, EngineThread, Request, one_line


@dataclass
class Output:
    request_id: str
    prompt_token_ids: list
    num_cached_tokens: int
    finished: bool = True


class SlowEngine:
    """Answers what it has, last come first, when `gate` is open; refuses prompts that are too long; may die."""

    def __init__(self):
        self.waiting, self.gate, self.most, self.dies = [], threading.Event(), 0, False
        self.gate.set()

    def add_request(self, name, prompt, _params):
        if len(prompt) > 5:
            raise ValueError("too long\n  For further information visit us")
        self.waiting.append((name, prompt))
        self.most = max(self.most, len(self.waiting))

    def step(self):
        self.gate.wait(10)
        if self.dies:
            raise RuntimeError("out of memory")
        name, prompt = self.waiting.pop()
        return [Output(name, prompt, num_cached_tokens=1)]


@pytest.fixture
def engine():
    return SlowEngine()


@pytest.fixture
def thread(engine):
    return EngineThread(
        make=lambda: engine,
        params=None,
        read=lambda output: (-float(output.prompt_token_ids[0]), -float(output.prompt_token_ids[1])),
        refusals=(ValueError,),
    )


def submit(thread, batch, rows, columns=2):
    for row in rows:
        for column in range(columns):
            thread.submit(Request(batch, row, column, [row, column, 7]))


def test_every_answer_reaches_its_cell_in_any_order(thread):
    batch = Batch(3, 2)
    submit(thread, batch, range(3))
    answers = batch.wait()
    np.testing.assert_array_equal(answers.log_p_yes_NQ, [[-0.0, -0.0], [-1, -1], [-2, -2]])
    np.testing.assert_array_equal(answers.log_p_no_NQ, [[-0.0, -1], [-0.0, -1], [-0.0, -1]])


def test_the_next_batch_starts_before_the_last_has_ended(thread, engine):
    engine.gate.clear()
    first, second = Batch(1, 2), Batch(2, 2)
    submit(thread, first, [0])
    submit(thread, second, [0, 1])
    engine.gate.set()
    first.wait()
    second.wait()
    assert engine.most > 2


def test_a_refused_cell_fails_its_image_and_no_other(thread):
    batch = Batch(2, 2)
    thread.submit(Request(batch, 0, 0, [0] * 9))
    thread.submit(Request(batch, 0, 1, [0, 1]))
    submit(thread, batch, [1])
    answers = batch.wait()
    assert answers.failed == {0: "too long"}
    assert np.isnan(answers.log_p_yes_NQ[0]).all()
    assert np.isfinite(answers.log_p_yes_NQ[1]).all()


def test_an_image_that_cannot_be_read_is_not_waited_for(thread):
    batch = Batch(2, 2)
    batch.fail_image(0, "not a readable image")
    submit(thread, batch, [1])
    assert batch.wait().failed == {0: "not a readable image"}


def test_a_dead_engine_is_an_error_for_all_current_and_later_batches(thread, engine):
    engine.dies = True
    first, later = Batch(1, 2), Batch(1, 2)
    submit(thread, first, [0])
    with pytest.raises(RuntimeError, match="out of memory"):
        first.wait()
    submit(thread, later, [0])
    with pytest.raises(RuntimeError, match="out of memory"):
        later.wait()


def test_an_engine_that_cannot_be_created_raises_to_its_caller():
    def make():
        raise OSError("no such model")

    with pytest.raises(OSError, match="no such model"):
        EngineThread(make=make, params=None, read=lambda _: (0.0, 0.0), refusals=())


def test_requests_and_tokens_are_counted(thread):
    batch = Batch(2, 2)
    submit(thread, batch, range(2))
    batch.wait()
    assert (thread.counts.requests, thread.counts.prompt_tokens, thread.counts.computed_tokens) == (4, 12, 8)
    assert thread.counts.busy_s > 0


def test_closing_waits_for_submitted_requests(thread):
    batch = Batch(3, 2)
    submit(thread, batch, range(3))
    thread.close()
    assert np.isfinite(batch.wait().log_p_yes_NQ).all()


def test_an_error_is_one_line():
    assert one_line(ValueError("1 error\n  field wrong\n  For further information visit")) == "1 error field wrong"
    assert one_line(KeyError()) == "KeyError"
