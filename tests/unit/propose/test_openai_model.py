"""The model against an endpoint that behaves as badly as endpoints do."""

from __future__ import annotations

import json
import logging
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import LlmAspects, OpenAiLlm
from mmkd_ray.errors import AspectError
from mmkd_ray.propose.language_model import Conversation, load_model
from mmkd_ray.propose.openai_model import OpenAiModel
from mmkd_ray.propose.parser import parse_questions
from mmkd_ray.propose.proposing import DataSet, propose
from tests.support.http_server import NEVER_S, Reply, refuse, serving

KEY = "sk-proj-AbC123dEf456-secret"
KEY_ENV = "MMKD_TEST_KEY"
QUESTIONS = ["Is it red?", "Is it blue?"]
JSON = json.dumps({"questions": QUESTIONS})


def completion(content=JSON, **choice):
    message = {"role": "assistant", "content": content, "refusal": choice.pop("refusal", None)}
    first = {"index": 0, "finish_reason": "stop", "message": message} | choice
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "owl", "choices": [first]}
    return Reply(body)


@dataclass
class Writer:
    """Gives these replies one after the other, the last one again and again; a function is given the request."""

    replies: list
    models: Reply = field(default_factory=lambda: Reply({"object": "list", "data": []}))
    base_url: str = ""
    asked: list = field(default_factory=list)
    keys: list = field(default_factory=list)
    at_s: list = field(default_factory=list)

    def reply(self, body, key):
        self.at_s.append(time.monotonic())
        self.asked.append(body)
        self.keys.append(key)
        reply = self.replies[min(len(self.asked), len(self.replies)) - 1]
        reply = reply(body) if callable(reply) else reply
        time.sleep(reply.delay_s)
        return reply


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv(KEY_ENV, KEY)
    # The package's pauses before it asks again, which are its own and not tested here.
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.02)


@pytest.fixture
def start():
    """Start an endpoint that replies so, and a model that asks it."""
    with ExitStack() as stack:

        def started(*replies, **llm):
            endpoint = stack.enter_context(serving(Writer(list(replies))))
            model = load_model(llm_at(endpoint.base_url, **llm))
            stack.callback(model.close)
            return endpoint, model

        yield started


def llm_at(base_url, **settings):
    return OpenAiLlm(**({"kind": "openai", "model": "owl", "base_url": base_url, "api_key_env": KEY_ENV} | settings))


def options(body):
    return set(body) - {"model", "messages"}


def test_structured_output_is_requested(start):
    endpoint, model = start(completion())
    reply = model.ask("Which?")
    assert reply.text == JSON
    assert not reply.cut_off
    (body,) = endpoint.asked
    assert body["messages"] == [{"role": "user", "content": "Which?"}]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("owl", 0, 8192)
    assert body["response_format"]["type"] == "json_schema"
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"] == {"questions": {"type": "array", "items": {"type": "string"}}}
    assert endpoint.keys == [KEY]


def test_structured_output_can_be_switched_off(start):
    endpoint, model = start(completion(), structured_output=False, temperature=0.5, max_tokens=77)
    model.ask("Which?")
    assert options(endpoint.asked[0]) == {"temperature", "max_tokens"}
    assert (endpoint.asked[0]["temperature"], endpoint.asked[0]["max_tokens"]) == (0.5, 77)


@pytest.mark.parametrize(
    ("status", "message", "left"),
    [
        (400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported.", "temperature max_tokens"),
        (422, "extra fields not permitted: response_format", "temperature max_tokens"),
        (501, "guided decoding is not built in", "temperature max_tokens"),
        (400, "failed to parse grammar", "temperature max_tokens"),
        (
            400,
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "temperature max_completion_tokens response_format",
        ),
        (400, "Unsupported value: 'temperature' does not support 0 with this model.", "max_tokens response_format"),
    ],
)
def test_a_refused_option_is_removed_or_renamed_for_all_later_requests(start, status, message, left):
    wanted = set(left.split())
    endpoint, model = start(
        lambda body: completion() if options(body) == wanted else refuse(status, message), max_retries=0
    )
    assert model.ask("Which?").text == JSON
    assert model.ask("And which?").text == JSON
    assert [options(body) == wanted for body in endpoint.asked] == [False, True, True]
    assert endpoint.asked[1].get("max_completion_tokens", 8192) == 8192


def test_several_options_may_be_refused(start):
    def behave(body):
        for name, message in {
            "response_format": "response_format is unknown",
            "max_tokens": "use max_completion_tokens, not max_tokens",
            "temperature": "temperature is fixed",
        }.items():
            if name in body:
                return refuse(400, message)
        return completion()

    endpoint, model = start(behave)
    assert model.ask("Which?").text == JSON
    assert len(endpoint.asked) == 4
    assert options(endpoint.asked[-1]) == {"max_completion_tokens"}


@pytest.mark.parametrize("message", ["response_format is unknown", "temperature is fixed", "the prompt is too long"])
def test_a_repeated_refusal_is_an_error(start, message):
    endpoint, model = start(refuse(400, message))
    with pytest.raises(AspectError, match=rf"refuses \(400\): {message}"):
        model.ask("Which?")
    assert len(endpoint.asked) <= 2


@pytest.mark.parametrize(
    ("first", "wait_s"),
    [
        pytest.param(refuse(429, "slow down", headers={"Retry-After": "0.4"}), 0.4, id="429 with Retry-After"),
        pytest.param(refuse(500, "oops", headers={"Retry-After-Ms": "300"}), 0.3, id="500 with retry-after-ms"),
        pytest.param(refuse(503, "loading"), 0, id="503"),
        pytest.param(Reply("<html>Bad Gateway</html>", status=502), 0, id="502 of a proxy"),
        pytest.param(Reply({}, delay_s=NEVER_S), 1.0, id="hangs"),
        pytest.param(Reply(completion().body, cut=True), 0, id="half a response"),
    ],
)
def test_temporary_failures_are_retried(start, first, wait_s):
    endpoint, model = start(first, completion(), timeout_s=1.5)
    assert model.ask("Which?").text == JSON
    assert len(endpoint.asked) == 2
    assert endpoint.asked[0] == endpoint.asked[1]
    assert endpoint.at_s[1] - endpoint.at_s[0] >= wait_s * 0.9


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refuse(429, "quota exceeded"), "quota exceeded"),
        (refuse(500, "out of memory", headers={"Retry-After-Ms": "20"}), "out of memory"),
        (Reply({}, delay_s=NEVER_S), "timed out"),
        (Reply(completion().body, cut=True), "Connection error"),
    ],
)
def test_a_permanent_failure_is_an_error_that_says_what_to_do(start, reply, words):
    endpoint, model = start(reply, max_retries=2, timeout_s=0.5 if reply.delay_s else 5.0)
    with pytest.raises(AspectError, match=rf"no answer after 2 retries: .*{words}") as raised:
        model.ask("Which?")
    assert len(endpoint.asked) == 3
    for advice in (endpoint.base_url, "aspects.llm.requests_per_minute", "aspects.llm.timeout_s", "same command again"):
        assert advice in str(raised.value)
    assert "teacher" not in str(raised.value)


def test_an_address_where_nothing_listens():
    gone = OpenAiModel(llm_at("http://127.0.0.1:9/v1", max_retries=1))
    with pytest.raises(AspectError, match=r"http://127.0.0.1:9/v1 gives no answer after 1 retries"):
        gone.ask("Which?")
    gone.close()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, rf"the key in {KEY_ENV} is not accepted"),
        (403, rf"the key in {KEY_ENV} may not use model 'owl'"),
        (
            404,
            r"there is no model 'owl' \(aspects.llm.model\), or check aspects.llm.base_url, which usually ends in /v1",
        ),
        (402, ""),
    ],
)
def test_a_refusal_of_every_request_is_an_error_at_once(start, status, words):
    endpoint, model = start(refuse(status, "no such thing"))
    with pytest.raises(AspectError, match=rf"refuses \({status}\): no such thing.*{words}") as raised:
        model.ask("Which?")
    assert len(endpoint.asked) == 1
    assert "teacher" not in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply("<html><title>Welcome to nginx!</title></html>"), "Welcome to nginx"),
        (Reply({"error": {"message": "upstream busy"}}), "upstream busy"),
        (Reply({"choices": []}), "choices"),
        (Reply([1, 2]), ""),
        (Reply('{"choices": [{"mess', headers={"Content-Type": "application/json"}), ""),
    ],
)
def test_a_reply_that_is_not_a_chat_completion_is_an_error(start, reply, words):
    _, model = start(reply)
    with pytest.raises(AspectError, match=rf"not answer with a chat completion.*{words}.*aspects.llm.base_url.*/v1"):
        model.ask("Which?")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (completion(None), "finish_reason stop"),
        (completion(""), "finish_reason stop"),
        (completion(" \n", finish_reason="length"), "finish_reason length"),
        (completion("Is it", finish_reason="content_filter"), "finish_reason content_filter"),
        (completion(None, refusal="I cannot help with birds."), "I cannot help with birds."),
        (completion(None, message=None), "finish_reason stop"),
    ],
)
def test_an_empty_reply_is_an_error_that_names_the_model(start, reply, words):
    _, model = start(reply)
    with pytest.raises(
        AspectError, match=rf"model 'owl' at http.* returned no text \({words}\); raise aspects.llm.max_t"
    ):
        model.ask("Which?")


def test_complete_questions_of_a_cut_off_reply_are_used(start):
    _, model = start(completion(JSON[:-15], finish_reason="length"))
    reply = model.ask("Which?")
    assert reply.cut_off
    assert parse_questions(reply.text) == QUESTIONS[:1]


def test_the_rate_limit_includes_retries(start):
    endpoint, model = start(refuse(500, "oops"), completion(), requests_per_minute=600)
    for prompt in "abcd":
        model.ask(prompt)
    assert len(endpoint.at_s) == 5
    # Less than four times that, because the first one may be late for other reasons.
    assert 0.3 < endpoint.at_s[-1] - endpoint.at_s[0] < 3, "600 a minute are one in 100 ms"
    assert endpoint.at_s[1] - endpoint.at_s[0] > 0.05, "also what is sent again"


def test_without_a_limit_there_is_no_pause(start):
    endpoint, model = start(completion())
    for _ in range(5):
        model.ask("Which?")
    assert endpoint.at_s[-1] - endpoint.at_s[0] < 1


ECHO = f"Incorrect API key provided: {KEY}. Or was it {KEY[:12]}...{KEY[-4:]}?"


@pytest.mark.parametrize(
    "reply",
    [
        refuse(401, ECHO),
        refuse(400, f"response_format: {ECHO}"),
        refuse(429, ECHO),
        Reply(f"<html>{ECHO}</html>"),
        Reply({"error": ECHO}),
        completion(None, refusal=ECHO),
        Reply(f'{{"{KEY}": ', headers={"Content-Type": "application/json"}),
    ],
)
def test_errors_and_logs_do_not_contain_the_key(start, caplog, reply):
    caplog.set_level(logging.DEBUG)
    _, model = start(reply, max_retries=1)
    with pytest.raises(AspectError) as raised:
        model.ask("Which?")
    told = "".join(traceback.format_exception(raised.value)) + caplog.text + repr(model) + repr(model._endpoint)
    assert KEY[:8] not in told
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_stored_files_do_not_contain_the_key(start, tmp_path):
    endpoint, _ = start(completion(f"My key is {KEY}.\n1. Is it red?\n2. Does it say {KEY} on the sign?\n"))
    run = open_run(str(tmp_path), "t")
    config = LlmAspects(source="llm", llm=llm_at(endpoint.base_url), candidates=2, count=2)
    conversation = Conversation(config.llm, run.aspects, lambda: load_model(config.llm))
    proposal = propose(conversation, config, DataSet(("owl",), 3))
    conversation.close()
    assert proposal.questions == ("Is it red?", "Does it say <key> on the sign?")
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert "Is it red?" in files[0]
    assert KEY[:8] not in files[0]
    assert KEY_ENV not in files[0]


def test_an_endpoint_on_another_machine_needs_a_key(monkeypatch):
    monkeypatch.delenv(KEY_ENV)
    with pytest.raises(AspectError, match=rf"{KEY_ENV} is not set; .*aspects.llm.api_key_env"):
        OpenAiModel(llm_at("https://llm.invalid/v1"))


@pytest.mark.parametrize("value", ["two words", "schlüssel"])
def test_an_invalid_key_is_not_quoted(monkeypatch, value):
    monkeypatch.setenv(KEY_ENV, value)
    with pytest.raises(AspectError, match=rf"{KEY_ENV} does not hold a key") as raised:
        OpenAiModel(llm_at("https://llm.invalid/v1"))
    assert value not in str(raised.value)


def test_a_server_on_this_machine_needs_no_key(start, monkeypatch):
    monkeypatch.delenv(KEY_ENV)
    endpoint, model = start(completion())
    assert model.ask("Which?").text == JSON
    assert endpoint.keys[0] not in ("", KEY)
