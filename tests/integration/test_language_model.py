"""A real text model on vLLM, behind `vllm serve` and in an actor of the cluster: it writes nonsense, and that shows.

The protocol is what is tested: structured output, limits, refusals, and that both ways give the same words.
"""

from __future__ import annotations

import json

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import LlmAspects, OpenAiLlm, VllmLlm
from mmkd_ray.errors import AspectError
from mmkd_ray.propose.language_model import Conversation, load_model
from mmkd_ray.propose.proposing import DataSet, propose
from tests.support.checkpoints.text import build_text_model
from tests.support.vllm_server import vllm_server

PROMPT = "The class list is: owl, robin. Generate 3 questions."
BIRDS = DataSet(("owl", "robin"), 20)
TOKENS = 64


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return build_text_model(tmp_path_factory.mktemp("text-model"))


@pytest.fixture(scope="module")
def starting(checkpoint):
    with vllm_server(checkpoint, model="writer") as server:
        yield server


@pytest.fixture(scope="module")
def on_ray(starting, checkpoint, ray_cluster):
    """Loaded while the server starts."""
    llm = VllmLlm(kind="vllm", model=str(checkpoint), dtype="float32", max_tokens=TOKENS, kv_cache_gib=0.1)
    model = load_model(llm)
    yield model
    model.close()


@pytest.fixture(scope="module")
def server(starting, on_ray):
    starting.wait()
    return starting


def served(server, **settings):
    given = {"kind": "openai", "model": "writer", "base_url": server.base_url, "max_tokens": TOKENS}
    return OpenAiLlm(**(given | settings))


@pytest.fixture
def over_http(server):
    model = load_model(served(server))
    yield model
    model.close()


def test_structured_output_is_json_of_the_schema_until_it_is_cut_off(over_http):
    reply = over_http.ask(PROMPT)
    assert json.loads(reply.text[:1] + "}") == {}
    assert "".join(reply.text.split()).startswith('{"questions":[')
    if not reply.cut_off:
        assert set(json.loads(reply.text)) == {"questions"}


def test_without_structured_output_the_reply_may_have_any_form(server):
    model = load_model(served(server, structured_output=False))
    reply = model.ask(PROMPT)
    model.close()
    assert reply.text
    assert not reply.text.lstrip().startswith('{"questions"')


def test_a_reply_ends_at_max_tokens(server):
    model = load_model(served(server, max_tokens=5, structured_output=False))
    reply = model.ask(PROMPT)
    model.close()
    assert reply.cut_off


def test_endpoint_and_actor_give_the_same_text(over_http, on_ray):
    assert on_ray.ask(PROMPT) == over_http.ask(PROMPT)


def test_nonsense_is_rejected_with_an_error(server, tmp_path):
    config = LlmAspects(source="llm", llm=served(server), candidates=5, count=3, max_rounds=2)
    folder = open_run(str(tmp_path), "t").aspects.child("conversation")
    conversation = Conversation(config.llm, folder, lambda: load_model(config.llm))
    with pytest.raises(AspectError, match=r"'writer' proposed 0 acceptable questions in 2 requests, 3 \(aspects"):
        propose(conversation, config, BIRDS)
    conversation.close()
    assert len(folder.names()) == 2
    kept = folder.read_json(folder.names()[0])
    assert "owl, robin" in kept["prompt"]
    assert kept["reply"]["text"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "reader"}, r"there is no model 'reader' \(aspects.llm.model\)"),
        ({"max_tokens": 100_000}, "refuses \\(400\\)"),
        ({"base_url": "http://127.0.0.1:9/v1", "max_retries": 0}, "gives no answer after 0 retries"),
    ],
)
def test_refusals_are_explained(server, settings, message):
    model = load_model(served(server, **settings))
    with pytest.raises(AspectError, match=message):
        model.ask(PROMPT)
    model.close()


def test_a_prompt_that_is_too_long_is_explained(on_ray):
    with pytest.raises(AspectError, match=r"lower aspects\.classes_per_prompt"):
        on_ray.ask("word " * 5000)
