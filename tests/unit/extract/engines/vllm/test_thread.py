"""The thread that owns an engine, with an engine that keeps what it is given and answers when it is told to."""

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from mmkd_ray.extract.engines.vllm.thread import EngineThread, PendingAnswers, Request, Sampling


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
        refusals=(ValueError,),
    )


ROW_AND_COLUMN = Sampling(None, lambda output: (-float(output.prompt_token_ids[0]), -float(output.prompt_token_ids[1])))


def submit(thread, answers, rows, columns=2):
    for row in rows:
        for column in range(columns):
            thread.submit(Request(answers, row, column, [row, column, 7], ROW_AND_COLUMN))


def test_every_answer_finds_its_cell_in_whatever_order_it_comes(thread):
    answers = PendingAnswers(3, 2)
    submit(thread, answers, range(3))
    filled = answers.wait()
    np.testing.assert_array_equal(filled.log_p_yes_NQ, [[-0.0, -0.0], [-1, -1], [-2, -2]])
    np.testing.assert_array_equal(filled.log_p_no_NQ, [[-0.0, -1], [-0.0, -1], [-0.0, -1]])


def test_the_next_call_is_in_the_engine_before_the_last_has_ended(thread, engine):
    engine.gate.clear()
    first, second = PendingAnswers(1, 2), PendingAnswers(2, 2)
    submit(thread, first, [0])
    submit(thread, second, [0, 1])
    engine.gate.set()
    first.wait()
    second.wait()
    assert engine.most > 2


def test_a_refused_cell_fails_its_image_and_no_other(thread):
    answers = PendingAnswers(2, 2)
    thread.submit(Request(answers, 0, 0, [0] * 9, ROW_AND_COLUMN))
    thread.submit(Request(answers, 0, 1, [0, 1], ROW_AND_COLUMN))
    submit(thread, answers, [1])
    filled = answers.wait()
    assert filled.failed == {0: "too long"}
    assert np.isnan(filled.log_p_yes_NQ[0]).all()
    assert np.isfinite(filled.log_p_yes_NQ[1]).all()


@pytest.mark.parametrize(("broken", "other"), [(0, 1), (1, 0)])
def test_an_image_that_cannot_be_read_is_not_waited_for(thread, broken, other):
    answers = PendingAnswers(2, 2)
    answers.fail_image(broken, "not a readable image")
    submit(thread, answers, [other])
    filled = answers.wait()
    assert filled.failed == {broken: "not a readable image"}
    assert np.isfinite(filled.log_p_yes_NQ[other]).all()


def test_an_image_that_fails_when_some_of_its_cells_are_in_the_engine_already(thread, engine):
    """Its second question cannot be rendered: the first one's answer comes later, and counts for nobody else."""
    engine.gate.clear()
    answers = PendingAnswers(2, 3)
    submit(thread, answers, [0], columns=1)
    answers.fail_image(0, "cannot be rendered")
    submit(thread, answers, [1], columns=3)
    engine.gate.set()
    filled = answers.wait()
    assert filled.failed == {0: "cannot be rendered"}
    assert filled.unexplained() == []
    assert np.isfinite(filled.log_p_yes_NQ[1]).all()


def test_answers_that_come_after_their_image_has_failed_change_nothing(thread, engine):
    """All of its cells are answered before the next image's: counted twice, they would end the wait too early."""
    answers = PendingAnswers(2, 2)
    submit(thread, answers, [0])
    while thread.counts.requests < 2:
        time.sleep(0.01)
    answers.fail_image(0, "cannot be rendered")
    threading.Timer(0.1, lambda: submit(thread, answers, [1])).start()
    filled = answers.wait()
    assert filled.failed == {0: "cannot be rendered"}
    assert np.isfinite(filled.log_p_yes_NQ[1]).all()


def test_a_late_answer_does_not_reach_what_was_returned():
    answers = PendingAnswers(1, 1)
    answers.fail_image(0, "cannot be rendered")
    filled = answers.wait()
    answers.answer(0, 0, -1.0, -2.0)
    assert np.isnan(filled.log_p_yes_NQ).all()


def test_the_first_reason_stays(thread):
    answers = PendingAnswers(1, 2)
    answers.fail_cell(0, 0, "too long")
    answers.fail_image(0, "cannot be rendered")
    assert answers.wait().failed == {0: "too long"}


def test_a_dead_engine_is_an_error_for_all_current_and_later_batches(thread, engine):
    engine.dies = True
    first, later = PendingAnswers(1, 2), PendingAnswers(1, 2)
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
        EngineThread(make=make, refusals=())


def test_counts_are_of_what_was_done(thread):
    answers = PendingAnswers(2, 2)
    submit(thread, answers, range(2))
    answers.wait()
    assert (thread.counts.requests, thread.counts.prompt_tokens, thread.counts.computed_tokens) == (4, 12, 8)
    assert thread.counts.busy_s > 0


def test_closing_waits_for_what_was_submitted(thread):
    answers = PendingAnswers(3, 2)
    submit(thread, answers, range(3))
    thread.close()
    assert np.isfinite(answers.wait().log_p_yes_NQ).all()
