"""The engine and a real vLLM server: P(yes) over HTTP is that of the forward pass, and refusals are understood."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from mmkd_ray import fieldguide
from mmkd_ray.answers.probability import Answers, p_yes
from mmkd_ray.config import ExtractConfig, OpenAiTeacher
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.openai.engine import OpenAiEngine
from tests.support.checkpoints import hf_answers
from tests.support.vllm_server import VllmServer, vllm_server

PROMPT = "{question}"
"""The one that the shipped teacher has learned."""
QUESTIONS = [question.text for question in fieldguide.QUESTIONS[::4]]
IMAGE_ONLY = '--limit-mm-per-prompt={"image": 1, "video": 0}'


@dataclass(frozen=True)
class Servers:
    """Both of the shipped teacher."""

    good: VllmServer
    stingy: VllmServer
    """Lists 5 log-probabilities, too few."""


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    drawn = fieldguide.images(species_seed=0, seed=5, per_class={"test": 1, "shift": 1})
    return [image.png for image in itertools.islice(drawn, 0, None, 4)][:6]


@pytest.fixture(scope="module")
def starting() -> Iterator[Servers]:
    checkpoint = fieldguide.checkpoint_path()
    with (
        vllm_server(checkpoint, IMAGE_ONLY) as good,
        vllm_server(checkpoint, IMAGE_ONLY, "--max-logprobs=5") as stingy,
    ):
        yield Servers(good, stingy)


@pytest.fixture(scope="module")
def reference(starting: Servers, images: list[bytes]) -> Answers:
    """Made while the servers start."""
    return hf_answers(fieldguide.checkpoint_path(), images, QUESTIONS, PROMPT)


@pytest.fixture(scope="module")
def servers(starting: Servers, reference: Answers) -> Servers:
    starting.good.wait()
    starting.stingy.wait()
    return starting


@pytest.fixture
def engine(servers: Servers) -> Iterator[OpenAiEngine]:
    engine = engine_at(servers.good)
    yield engine
    engine.close()


def engine_at(server: VllmServer, **settings) -> OpenAiEngine:
    given = {"kind": "openai", "model": server.model, "base_url": server.base_url, "prompt": PROMPT}
    return OpenAiEngine(OpenAiTeacher(**(given | settings)), ExtractConfig())


def p_yes_of(answers: Answers) -> np.ndarray:
    return p_yes(answers.log_p_yes_NQ, answers.log_p_no_NQ)


def test_probabilities_are_those_of_the_hugging_face_forward_pass(
    engine: OpenAiEngine, images: list[bytes], reference: Answers
):
    answers = engine.answer(images, QUESTIONS)
    assert not answers.failed
    np.testing.assert_allclose(p_yes_of(answers), p_yes_of(reference), rtol=0, atol=2e-3)
    # The shipped teacher is sure of itself: most P(yes) are near 0 or 1, where only logarithms show a difference.
    np.testing.assert_allclose(answers.log_p_yes_NQ, reference.log_p_yes_NQ, rtol=0, atol=5e-3)
    np.testing.assert_allclose(answers.log_p_no_NQ, reference.log_p_no_NQ, rtol=0, atol=5e-3)


def test_the_teacher_answers_differently_about_images_and_questions(reference: Answers):
    """Or the one above compares a constant with itself."""
    log_odds_NQ = reference.log_p_yes_NQ - reference.log_p_no_NQ
    assert log_odds_NQ.std(axis=0).min() > 0.02
    assert log_odds_NQ.std(axis=1).min() > 1
    assert np.ptp(p_yes_of(reference)) > 0.9


def test_counts_are_those_of_the_server(engine: OpenAiEngine, images: list[bytes]):
    engine.answer(images[:2], QUESTIONS)
    counts = engine.counts()
    assert counts["requests"] == 2 * len(QUESTIONS)
    assert counts["prompt_tokens"] > 16 * 2 * len(QUESTIONS), "16 of each prompt are the image"


def test_a_question_that_is_too_long_fails_its_image(engine: OpenAiEngine, images: list[bytes]):
    answers = engine.answer(images[:1], [QUESTIONS[0], "Is it a bird? " * 300])
    assert "512 tokens" in answers.failed[0]
    assert np.isnan(answers.log_p_yes_NQ).all()


def test_a_wrong_model_is_named(servers: Servers, images: list[bytes]):
    engine = engine_at(servers.good, model="owl-8b")
    with pytest.raises(TeacherError, match=r"refuses \(404\): .*no model 'owl-8b' \(teacher.model\)"):
        engine.answer(images[:1], QUESTIONS)


def test_a_server_that_lists_too_few_log_probabilities(servers: Servers, images: list[bytes]):
    engine = engine_at(servers.stingy)
    with pytest.raises(TeacherError, match=r"refuses \(400\): .*max allowed: 5.*choose a model or an endpoint"):
        engine.answer(images[:1], QUESTIONS)
