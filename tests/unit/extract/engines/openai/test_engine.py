"""The engine against an endpoint that behaves as badly as endpoints do."""

from __future__ import annotations

import gc
import io
import logging
import pickle
import struct
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmkd_ray.answers.probability import answer_mass, p_yes
from mmkd_ray.config import ExtractConfig, OpenAiTeacher
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.openai.engine import OpenAiEngine
from tests.support.http_server import NEVER_S, Reply, refuse, serving
from tests.support.openai_server import Asked, FakeEndpoint, answer, completion, p_yes_of
from tests.support.processes import free_port

KEY = "sk-proj-AbC123dEf456-secret"
KEY_ENV = "MMKD_TEST_KEY"
QUESTIONS = ["Is it red?", "Has it a crest?", "Does it swim?"]
Start = Callable[..., tuple[FakeEndpoint, OpenAiEngine]]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(KEY_ENV, KEY)
    # The package's pauses before it asks again, which are its own and not tested here.
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.02)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start an endpoint that behaves so, or always replies so, and an engine that asks it."""
    with ExitStack() as stack:

        def started(behave=answer, *, actors: int | None = None, models: Reply | None = None, **teacher):
            endpoint = FakeEndpoint(behave if callable(behave) else lambda _: behave)
            endpoint.models = models or endpoint.models
            stack.enter_context(serving(endpoint))
            engine = OpenAiEngine(teacher_at(endpoint.base_url, **teacher), ExtractConfig(actors=actors))
            stack.callback(engine.close)
            return endpoint, engine

        yield started


def teacher_at(base_url: str, **settings) -> OpenAiTeacher:
    given = {"kind": "openai", "model": "owl", "base_url": base_url, "api_key_env": KEY_ENV, "prompt": "{question}"}
    return OpenAiTeacher(**(given | settings))


def png(level: int = 100, *, size: tuple[int, int] = (6, 4)) -> bytes:
    return encoded(Image.new("RGB", size, (level, level, level)))


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def expected(images: list[bytes]) -> np.ndarray:
    return np.array([[p_yes_of(np.asarray(decode_rgb(image)), q) for q in QUESTIONS] for image in images])


def test_every_cell_gets_its_answer_when_replies_come_out_of_order(start: Start):
    delays = iter(np.random.default_rng(0).uniform(0, 0.03, 1000))

    def behave(asked: Asked) -> Reply:
        reply = answer(asked)
        return Reply(reply.body, delay_s=next(delays))

    _, engine = start(behave)
    images = [png(level) for level in range(10, 240, 20)]
    answers = engine.answer(images, QUESTIONS)
    np.testing.assert_allclose(p_yes(answers.log_p_yes_NQ, answers.log_p_no_NQ), expected(images), atol=1e-5)
    np.testing.assert_allclose(answer_mass(answers.log_p_yes_NQ, answers.log_p_no_NQ), 0.98, atol=1e-5)
    assert answers.log_p_yes_NQ.dtype == np.float32
    assert not answers.failed


def test_several_threads_can_ask_at_the_same_time(start: Start):
    _, engine = start(concurrency=5)
    batches = [[png(level), png(level + 1)] for level in range(0, 240, 30)]
    with ThreadPoolExecutor(4) as pool:
        for images, answers in zip(batches, pool.map(lambda b: engine.answer(b, QUESTIONS), batches), strict=True):
            np.testing.assert_allclose(p_yes(answers.log_p_yes_NQ, answers.log_p_no_NQ), expected(images), atol=1e-5)


def test_a_request_has_image_question_and_log_probabilities(start: Start):
    endpoint, engine = start(prompt="{question} Say Yes or No.")
    image = png()
    engine.answer([image], QUESTIONS[:1])
    (asked,) = endpoint.asked
    assert [part["type"] for part in asked.content] == ["image_url", "text"]
    assert asked.encoded == image, "a plain image goes as it is"
    assert asked.question == "Is it red? Say Yes or No."
    assert asked.key == KEY
    settings = {name: value for name, value in asked.body.items() if name != "messages"}
    assert settings == {"model": "owl", "temperature": 0, "max_tokens": 1, "logprobs": True, "top_logprobs": 20}


def test_arguments_of_the_chat_template_are_sent_where_there_are_any(start: Start):
    endpoint, engine = start(chat_template_args={"enable_thinking": False})
    engine.answer([png()], QUESTIONS[:1])
    assert endpoint.asked[0].body["chat_template_kwargs"] == {"enable_thinking": False}
    endpoint, engine = start()
    engine.answer([png()], QUESTIONS[:1])
    assert "chat_template_kwargs" not in endpoint.asked[0].body


def test_requests_come_image_by_image(start: Start):
    endpoint, engine = start(lambda asked: Reply(answer(asked).body, delay_s=0.01), concurrency=3)
    images = [png(level) for level in (10, 90, 170, 250)]
    engine.answer(images, QUESTIONS)
    order = [images.index(asked.encoded) for asked in endpoint.asked]
    # Those that are sent together may arrive in any order.
    assert all(abs(row - place // len(QUESTIONS)) <= 1 for place, row in enumerate(order))


def test_no_more_requests_are_in_flight_than_allowed(start: Start):
    endpoint, engine = start(lambda asked: Reply(answer(asked).body, delay_s=0.03), concurrency=4)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda level: engine.answer([png(level), png(level + 1)], QUESTIONS), (10, 50, 90)))
    assert endpoint.most_at_a_time == 4
    assert len(endpoint.asked) == 18


def test_actors_share_the_rate_evenly_retries_included(start: Start):
    def behave(asked: Asked) -> Reply:
        return answer(asked) if asked.again or asked.question != QUESTIONS[0] else refuse(500, "no")

    endpoint, engine = start(behave, requests_per_minute=2400, actors=2)
    engine.answer([png(10), png(20), png(30)], QUESTIONS)
    times = [asked.at_s for asked in endpoint.asked]
    assert len(times) == 12
    assert times[-1] - times[0] > 11 * 0.05 - 0.1, "1200 a minute are one in 50 ms"
    assert times[-1] - times[0] < 3
    assert np.median(np.diff(times)) > 0.03


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(refuse(429, "slow down", headers={"Retry-After": "0.3"}), id="429 with Retry-After"),
        pytest.param(refuse(500, "oops"), id="500"),
        pytest.param(Reply("<html>Bad Gateway</html>", status=502), id="502 of a proxy"),
        pytest.param(Reply({}, delay_s=NEVER_S), id="hangs"),
        pytest.param(Reply({"id": "chatcmpl-0", "choices": []}, cut=True), id="cut in the middle"),
    ],
)
def test_temporary_failures_are_retried(start: Start, first: Reply):
    endpoint, engine = start(lambda asked: answer(asked) if asked.again else first, timeout_s=2.0)
    images = [png(40), png(200)]
    started = time.monotonic()
    answers = engine.answer(images, QUESTIONS)
    np.testing.assert_allclose(p_yes(answers.log_p_yes_NQ, answers.log_p_no_NQ), expected(images), atol=1e-5)
    assert engine.counts() == {"requests": 12, "retries": 6, "prompt_tokens": 600, "computed_tokens": 240}
    assert len(endpoint.asked) == 12
    if first.headers:
        assert time.monotonic() - started >= 0.3, "the endpoint said how long to wait"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refuse(429, "quota exceeded"), "quota exceeded"),
        (refuse(503, "loading the model"), "loading the model"),
        (Reply({}, delay_s=NEVER_S), "timed out"),
        (Reply({"id": "chatcmpl-0", "choices": []}, cut=True), "Connection error"),
    ],
)
def test_a_permanent_failure_is_an_error_with_the_endpoints_message(start: Start, reply: Reply, words: str):
    endpoint, engine = start(reply, max_retries=2, timeout_s=0.5 if reply.delay_s else 5.0, concurrency=2)
    with pytest.raises(TeacherError, match=r"no answer after 2 retries.*run the same command again") as raised:
        engine.answer([png(level) for level in range(20)], QUESTIONS)
    assert words in str(raised.value)
    assert endpoint.base_url in str(raised.value)
    assert len(endpoint.asked) < 20, "what still waited is not sent"


def test_an_image_that_is_refused_fails_alone(start: Start):
    def behave(asked: Asked) -> Reply:
        dark = asked.picture.getpixel((0, 0)) == (0, 0, 0)
        return refuse(400, "the image shows nothing") if dark and asked.question == QUESTIONS[1] else answer(asked)

    _, engine = start(behave)
    images = [png(50), png(0), png(150)]
    answers = engine.answer(images, QUESTIONS)
    assert set(answers.failed) == {1}
    assert "400" in answers.failed[1]
    assert "the image shows nothing" in answers.failed[1]
    assert np.isnan(answers.log_p_yes_NQ[1]).all()
    assert np.isnan(answers.log_p_no_NQ[1]).all()
    p_NQ = p_yes(answers.log_p_yes_NQ, answers.log_p_no_NQ)
    np.testing.assert_allclose(p_NQ[[0, 2]], expected(images)[[0, 2]], atol=1e-5)


@pytest.mark.parametrize(
    "reply", [refuse(413, "too large"), refuse(422, "unreadable"), completion(None, finish_reason="content_filter")]
)
def test_other_forms_of_a_refused_image(start: Start, reply: Reply):
    _, engine = start(reply)
    assert set(engine.answer([png()], QUESTIONS).failed) == {0}


def test_no_more_is_asked_about_an_image_that_is_refused(start: Start):
    endpoint, engine = start(refuse(400, "no"), concurrency=1)
    assert set(engine.answer([png(50), png(60)], QUESTIONS).failed) == {0, 1}
    assert len(endpoint.asked) == 2


def test_an_image_that_cannot_be_read_is_not_sent(start: Start):
    endpoint, engine = start()
    answers = engine.answer([png()[:40], b"", png()], QUESTIONS)
    assert set(answers.failed) == {0, 1}
    assert "not a readable image" in answers.failed[0]
    assert np.isnan(answers.log_p_yes_NQ[:2]).all()
    assert np.isfinite(answers.log_p_yes_NQ[2]).all()
    assert len(endpoint.asked) == len(QUESTIONS)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, rf"the key in {KEY_ENV} is not accepted"),
        (403, "may not use model 'owl'"),
        (404, r"no model 'owl'.*ends in /v1"),
        (402, r"refuses \(402\)"),
    ],
)
def test_a_refusal_of_every_request_is_an_error_at_once_without_the_key(
    start: Start, caplog: pytest.LogCaptureFixture, status: int, words: str
):
    caplog.set_level(logging.DEBUG)
    echo = f"Incorrect API key provided: {KEY}. Or was it {KEY[:12]}...{KEY[-4:]}?"
    endpoint, engine = start(refuse(status, echo), concurrency=2)
    with pytest.raises(TeacherError, match=words) as raised:
        engine.answer([png(level) for level in range(9)], QUESTIONS)
    assert "Incorrect API key provided: <key> Or" in str(raised.value)
    assert len(endpoint.asked) <= 4
    chain = "".join(traceback.format_exception(raised.value))
    said = [str(raised.value), chain, caplog.text, repr(engine), repr(vars(engine)), str(pickle.dumps(raised.value))]
    assert not any(KEY[:12] in text for text in said)
    assert raised.value.__cause__ is raised.value.__context__ is None, "where the key would be"


def test_a_wrong_key_is_an_error_before_anything_is_asked(start: Start):
    with pytest.raises(TeacherError, match=rf"<key>.*the key in {KEY_ENV} is not accepted") as raised:
        start(models=refuse(401, f"bad key {KEY}"))
    assert KEY[:12] not in str(raised.value)


@pytest.mark.parametrize("models", [refuse(404, "no such page"), refuse(403, "missing scope"), Reply("<html>hello")])
def test_an_endpoint_needs_no_list_of_models(start: Start, models: Reply):
    _, engine = start(models=models)
    assert not engine.answer([png()], QUESTIONS).failed


def test_an_address_where_nothing_listens():
    address = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(TeacherError, match=rf"{address} gives no answer after 2 retries: Connection error"):
        OpenAiEngine(teacher_at(address), ExtractConfig())


@pytest.mark.parametrize("value", [None, "", " "])
def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch, value: str | None):
    monkeypatch.delenv(KEY_ENV) if value is None else monkeypatch.setenv(KEY_ENV, value)
    with pytest.raises(TeacherError, match=rf"variable {KEY_ENV} is not set"):
        OpenAiEngine(teacher_at("https://teacher.invalid/v1"), ExtractConfig())


@pytest.mark.parametrize("value", ["sk one two", "sk-pröject"])
def test_an_invalid_key_is_not_quoted(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv(KEY_ENV, value)
    with pytest.raises(TeacherError, match=rf"{KEY_ENV} does not hold a key") as raised:
        OpenAiEngine(teacher_at("https://teacher.invalid/v1"), ExtractConfig())
    assert value not in str(raised.value)


def test_a_server_on_this_machine_needs_no_key(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(KEY_ENV)
    endpoint, engine = start()
    engine.answer([png()], QUESTIONS[:1])
    assert endpoint.asked[0].key not in ("", KEY)


def test_a_line_end_after_the_key_is_ignored(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(KEY_ENV, KEY + "\n")
    endpoint, engine = start()
    engine.answer([png()], QUESTIONS[:1])
    assert endpoint.asked[0].key == KEY


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(completion(None), id="logprobs null"),
        pytest.param(completion([]), id="logprobs empty"),
        pytest.param(completion(None, logprobs={"content": []}), id="no token"),
        pytest.param(
            completion(None, logprobs={"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": []}]}),
            id="no other tokens",
        ),
        pytest.param(completion(None, logprobs={"tokens": ["Yes"], "token_logprobs": [-0.1]}), id="the older form"),
    ],
)
def test_answers_without_log_probabilities_are_an_error_that_says_what_to_do(start: Start, reply: Reply):
    _, engine = start(reply)
    with pytest.raises(TeacherError, match=r"without log-probabilities for model 'owl'.*choose a model or an endpoint"):
        engine.answer([png()], QUESTIONS)


def test_refused_log_probabilities_are_an_error_and_not_a_bad_image(start: Start):
    _, engine = start(refuse(400, "top_logprobs must be at most 5"))
    with pytest.raises(TeacherError, match=r"top_logprobs must be at most 5; .*20 likeliest"):
        engine.answer([png()], QUESTIONS)


@pytest.mark.parametrize(
    "reply", [Reply("<html>Welcome</html>"), Reply({"error": {"message": "upstream busy"}}), Reply("[1, 2]"), Reply([])]
)
def test_a_reply_that_is_not_a_chat_completion_is_an_error(start: Start, reply: Reply):
    _, engine = start(reply)
    with pytest.raises(TeacherError, match=r"does not answer with a chat completion.*ends in /v1"):
        engine.answer([png()], QUESTIONS)


def test_a_model_that_requires_the_newer_name_of_max_tokens(start: Start):
    def behave(asked: Asked) -> Reply:
        if "max_tokens" in asked.body:
            return refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        assert asked.body["max_completion_tokens"] == 1
        return answer(asked)

    endpoint, engine = start(behave, concurrency=4)
    images = [png(level) for level in (10, 90, 170, 250)]
    answers = engine.answer(images, QUESTIONS)
    assert not answers.failed
    np.testing.assert_allclose(p_yes(answers.log_p_yes_NQ, answers.log_p_no_NQ), expected(images), atol=1e-5)
    assert len(endpoint.asked) <= 12 + 4, "found out once, by what was under way"


@pytest.mark.parametrize(
    ("tokens", "listed", "p_yes_no"),
    [
        ("canonical", [("Yes", 0.6), ("No", 0.3), ("yes", 0.05), ("YES", 0.01)], (0.6, 0.3)),
        ("all_variants", [("Yes", 0.6), ("No", 0.3), ("yes", 0.05), (" no", 0.02), ("Yesterday", 0.01)], (0.65, 0.32)),
        ("canonical", [("▁Yes", 0.7), ("▁No", 0.2), ("The", 0.01)], (0.7, 0.2)),
        ("canonical", [("ĠNo", 0.7), ("ĠYes", 0.2), ("No", 0.01)], (0.2, 0.7)),
        ("all_variants", [("▁Yes", 0.6), ("yes", 0.1), ("▁NO", 0.2), ("no", 0.05)], (0.7, 0.25)),
        # Not listed: less than what is listed least.
        ("canonical", [("Yes", 0.9), ("yes", 0.05), ("The", 1e-4)], (0.9, 1e-4)),
        ("all_variants", [("No", 0.9), ("no", 0.05), ("The", 1e-4)], (1e-4, 0.95)),
        ("canonical", [("The", 0.9), ("A", 0.05), ("This", 1e-3)], (1e-3, 1e-3)),
        # Not listed: less than what is left.
        ("canonical", [("Yes", 0.75)], (0.75, 0.25)),
        ("canonical", [("Yes", 0.999), ("No", 0.001001)], (0.999, 0.001001)),
        ("canonical", [("No", 0.8), ("Nein", 0.1999999)], (1e-7, 0.8)),
    ],
)
def test_probabilities_of_the_answers_among_the_listed_tokens(
    start: Start, tokens: str, listed: list[tuple[str, float]], p_yes_no: tuple[float, float]
):
    _, engine = start(completion(listed), tokens=tokens)
    answers = engine.answer([png()], QUESTIONS[:1])
    p = np.exp([answers.log_p_yes_NQ[0, 0], answers.log_p_no_NQ[0, 0]])
    np.testing.assert_allclose(p, p_yes_no, rtol=1e-4, atol=1e-9)


def test_probabilities_after_sampling_are_refused(start: Start):
    listed = [{"token": token, "logprob": value} for token, value in [("Yes", 0.0), ("No", -9999.0), ("The", -9999.0)]]
    logprobs = {"content": [{**listed[0], "top_logprobs": listed}]}
    _, engine = start(completion(None, logprobs=logprobs))
    with pytest.raises(TeacherError, match="after sampling at temperature 0"):
        engine.answer([png()], QUESTIONS)


def make_pictures() -> dict[str, bytes]:
    """Images that plain decoders show differently from how a person sees them, and others."""
    ramp = Image.fromarray(np.arange(24 * 16 * 3, dtype=np.uint8).reshape(16, 24, 3))
    smooth = Image.linear_gradient("L").resize((24, 16))
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray((np.arange(24 * 16, dtype=np.uint16) * 170).reshape(16, 24))
    clear = ramp.convert("RGBA")
    clear.putalpha(smooth)
    palette = ramp.quantize(8)
    return {
        "plain PNG": encoded(ramp),
        "grey PNG": encoded(smooth),
        "JPEG": encoded(ramp, "JPEG"),
        "grey JPEG": encoded(smooth, "JPEG"),
        "rotated JPEG": encoded(ramp, "JPEG", exif=turned),
        "rotated PNG": encoded(ramp, exif=turned),
        "CMYK JPEG": encoded(ramp.convert("CMYK"), "JPEG"),
        "16-bit PNG": encoded(deep),
        "48-bit PNG": png_48(),
        "1-bit PNG": encoded(smooth.convert("1")),
        "transparent PNG": encoded(clear),
        "PNG with a clear grey": encoded(smooth, transparency=7),
        "palette PNG with a clear colour": encoded(palette, transparency=0),
        "animated PNG": encoded(ramp, save_all=True, append_images=[ImageOps.invert(ramp)], duration=100),
        "GIF": encoded(palette, "GIF", save_all=True, append_images=[ImageOps.invert(ramp).quantize(8)]),
        "WEBP": encoded(ramp, "WEBP", lossless=True),
        "TIFF": encoded(ramp, "TIFF"),
    }


def png_48() -> bytes:
    """16 bits a channel, which Pillow reads and does not write."""
    rows = b"".join(b"\0" + np.random.default_rng(row).bytes(6 * 6) for row in range(4))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 6, 4, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", make_pictures())
def test_the_endpoint_sees_what_a_person_sees(start: Start, name: str):
    endpoint, engine = start()
    image = make_pictures()[name]
    assert not engine.answer([image], QUESTIONS[:1]).failed
    (asked,) = endpoint.asked
    np.testing.assert_array_equal(np.asarray(asked.picture.convert("RGB")), np.asarray(decode_rgb(image)))
    assert asked.picture.mode in ("RGB", "L")
    assert getattr(asked.picture, "n_frames", 1) == 1
    assert "transparency" not in asked.picture.info
    assert asked.picture.getexif().get(0x0112, 1) == 1
    assert (asked.encoded == image) == (name in ("plain PNG", "grey PNG", "JPEG", "grey JPEG"))


def test_a_rotated_photograph_is_sent_upright(start: Start):
    """As the one above, without the help of our own decoder."""
    endpoint, engine = start()
    turned = Image.Exif()
    turned[0x0112] = 6
    image = Image.new("RGB", (8, 4), "blue")
    image.paste("red", (0, 0, 4, 4))
    engine.answer([encoded(image, exif=turned)], QUESTIONS[:1])
    picture = endpoint.asked[0].picture
    assert picture.size == (4, 8)
    assert picture.getpixel((2, 1)) == (255, 0, 0)
    assert picture.getpixel((2, 6)) == (0, 0, 255)


def test_pending_requests_are_cancelled_when_the_engine_is_closed(start: Start):
    endpoint, engine = start(lambda asked: Reply(answer(asked).body, delay_s=4.0), concurrency=2)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(engine.answer, [png()], QUESTIONS)
        while not endpoint.asked:
            time.sleep(0.01)
        started = time.monotonic()
        engine.close()
        assert asking.exception() is not None
    assert time.monotonic() - started < 3
    engine.close()


def test_an_engine_without_references_leaves_no_thread():
    with serving(FakeEndpoint()) as endpoint:
        engine = OpenAiEngine(teacher_at(endpoint.base_url), ExtractConfig())
        engine.answer([png()], QUESTIONS)
        assert [thread for thread in threading.enumerate() if thread.name == "openai-engine"]
        del engine
        gc.collect()
        assert not [thread for thread in threading.enumerate() if thread.name == "openai-engine"]
