"""A student that `mmkd serve` serves: one instance for all tests, which the last of them ends."""

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from mmkd_ray.benchmark.load import form_request, latencies, saturate
from mmkd_ray.students.bundle import load_bundle
from tests.support.browser import browser
from tests.support.pictures import encode
from tests.support.processes import Marked, free_port, marked, started, wait_for
from tests.support.service import FORM, JSON, Reply, as_json, ask, form, unfinished_requests
from tests.support.toy_bundle import CARD, coloured, write_toy_bundle

pytestmark = pytest.mark.cluster

ONGOING, QUEUED, REPLICAS = 32, 256, 2
LIMITS = {
    "replicas": REPLICAS, "ongoing_requests": ONGOING, "queued_requests": QUEUED, "retry_after_s": 2.5,
    "max_upload_bytes": 100_000, "max_pixels": 10_000, "images_per_request": 3,
}  # fmt: skip


@dataclass
class Service:
    url: str
    bundle: str
    processes: Marked
    command: subprocess.Popen[bytes]
    output: Path

    def replicas(self) -> list[psutil.Process]:
        return [process for process in self.processes.alive() if process.name().startswith("ray::ServeRepl")]


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("serve")
    bundle, port, output = write_toy_bundle(folder / "bundle"), free_port(), folder / "output.txt"
    words = [f"serve.{key}={value}" for key, value in {**LIMITS, "port": port}.items()]
    with (
        marked() as processes,
        started(processes, "serve", "bundle", *words, cwd=folder, output=output) as command,
    ):
        wait_for(lambda: "Ctrl-C ends it" in output.read_text(), command, output)
        url = f"http://127.0.0.1:{port}/"
        assert f"serving   {url}  2 replicas; Ctrl-C ends it" in output.read_text()
        yield Service(url, bundle, processes, command, output)


def in_parallel(service: Service, images: list[bytes]) -> list[Reply]:
    with ThreadPoolExecutor(len(images)) as clients:
        return list(clients.map(lambda image: ask(service.url, body=form(image)), images))


def test_the_student_says_what_it_is(service):
    assert ask(service.url, "healthz").json == {"status": "ok"}
    said = ask(service.url, "metadata").json
    assert (said["name"], said["classes"]) == (CARD.name, list(CARD.class_names))
    assert said["questions"] == list(CARD.questions)
    assert said["preprocessing"]["image_size"] == 16
    assert said["measures"] == CARD.metrics
    assert said["limits"]["images"] == 3
    assert set(ask(service.url, "openapi.json").json["paths"]) == {"/healthz", "/metadata", "/predict"}


def test_200_requests_in_parallel_are_answered_as_the_bundle_answers(service):
    images = coloured(200)
    replies = in_parallel(service, images)
    assert {reply.status for reply in replies} == {200}
    expected = load_bundle(service.bundle).predict(images)
    said = [reply.json["predictions"][0] for reply in replies]
    assert [one["class"] for one in said] == expected.classes
    for one, probabilities_C, p_yes_Q in zip(said, expected.class_probabilities_NC, expected.p_yes_NQ, strict=True):
        by_name = {item["name"]: item["probability"] for item in one["classes"]}
        # The last bits depend on which images are computed together.
        np.testing.assert_allclose([by_name[name] for name in CARD.class_names], probabilities_C, atol=2e-5)
        np.testing.assert_allclose([item["p_yes"] for item in one["aspects"]], p_yes_Q, atol=2e-5)
        assert [item["question"] for item in one["aspects"]] == list(CARD.questions)


def test_several_images_of_a_request_are_answered_in_order(service):
    red, green, blue = coloured(3)
    for body, kind in ((form(red, green, blue), FORM), (as_json(red, green, blue), JSON)):
        said = ask(service.url, body=body, kind=kind).json["predictions"]
        assert [one["class"] for one in said] == list(CARD.class_names)


GOOD = coloured(1)[0]
BAD = {
    "no body": (b"", FORM, "POST", 415, "got the content type ''"),
    "another kind": (GOOD, "image/png", "", 415, "got the content type 'image/png'; accepted are multipart/form-data"),
    "no boundary": (form(GOOD), "multipart/form-data", "", 400, "the form cannot be read: Missing boundary"),
    "no form": (b"--nothing", FORM, "", 400, "the form cannot be read"),
    "no file": (form(), FORM, "", 400, "the request has no image"),
    "no image": (form(b"hello"), FORM, "", 400, "image 0: not a readable image: text, beginning with 'hello': fetch"),
    "half an image": (form(GOOD, GOOD[: len(GOOD) // 2]), FORM, "", 400, "image 1: not a readable image"),
    "an empty image": (form(b""), FORM, "", 400, "image 0: not a readable image"),
    "many": (form(*[GOOD] * 4), FORM, "", 413, "more images than the limit of 3"),
    "many in JSON": (as_json(*[GOOD] * 4), JSON, "", 413, "more images than the limit of 3"),
    "large": (form(b"x" * 100_001), FORM, "", 413, "larger than the limit of 100,000 bytes"),
    "no JSON": (b"{", JSON, "", 400, "the body is not valid JSON"),
    "deep JSON": (b"[" * 90_000, JSON, "", 400, "the body is not valid JSON"),
    "another JSON": (b'{"image": "x"}', JSON, "", 400, "the body is not of the accepted form"),
    "a list": (b"[]", JSON, "", 400, "the body is not of the accepted form"),
    "numbers": (b'{"images": [1]}', JSON, "", 400, '"images" is not a list of texts'),
    "no base64": (b'{"images": ["\\u00e9"]}', JSON, "", 400, "image 0: the text is not base64"),
    "a URL": (b'{"urls": ["http://127.0.0.1/"]}', JSON, "", 403, "images by URL are not accepted here"),
    "GET": (None, FORM, "", 405, "GET /predict: method not allowed"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_answered_is_refused_in_a_sentence(service, kind):
    body, content_type, method, status, sentence = BAD[kind]
    reply = ask(service.url, body=body, kind=content_type, method=method)
    assert reply.status == status, reply
    assert list(reply.json) == ["error"]
    assert sentence in reply.json["error"]
    assert "data.exclude" not in reply.json["error"]  # a key of those who make data sets
    assert "\n" not in reply.json["error"]


def test_a_decompression_bomb_is_refused_by_its_header(service):
    from PIL import Image

    reply = ask(service.url, body=form(encode(Image.new("1", (1_000, 1_000)))))
    assert (reply.status, reply.json["error"]) == (
        413, "image 0: 1,000 x 1,000 pixels are more than the limit of 10,000",
    )  # fmt: skip


def test_beyond_its_bounds_the_service_says_when_to_come_again(service):
    with unfinished_requests(service.url, REPLICAS * ONGOING + QUEUED + 20):
        # The service may still be taking them in.
        replies = (ask(service.url, body=form(GOOD), seconds=3) for _ in range(8))
        reply = next(reply for reply in replies if reply.status)
        assert (reply.status, reply.headers["retry-after"]) == (503, "3")
    assert [reply.status for reply in in_parallel(service, coloured(50))] == [200] * 50


def test_the_page_classifies_a_picture_and_says_what_is_wrong(service, tmp_path):
    (tmp_path / "red.png").write_bytes(GOOD)
    (tmp_path / "text.png").write_text("hello")
    with browser() as page:
        page.open(service.url, width=390, height=844)
        page.wait("document.title.startsWith('makd seed 0')")
        page.choose_file("#file", tmp_path / "red.png")
        page.wait("!document.getElementById('classes-part').hidden")
        assert page.value("document.getElementById('status').textContent").startswith("red, ")
        names = page.value("[...document.querySelectorAll('#classes .name')].map(one => one.textContent)")
        assert sorted(names) == sorted(CARD.class_names)  # as text, whatever they look like
        assert page.value("document.querySelectorAll('#aspects .row').length") == 2
        why = page.value("document.getElementById('why').innerText")
        assert why.startswith("For red rather than ")
        assert "Is it red? Yes" in why
        assert page.value("document.documentElement.scrollWidth") <= 390
        page.choose_file("#file", tmp_path / "text.png")
        page.wait("!document.getElementById('error').hidden")
        assert "not a readable image" in page.value("document.getElementById('error').textContent").lower()
        assert page.value("document.getElementById('classes-part').hidden")
        # The keyboard reaches what takes a picture.
        page.value("document.body.focus()")
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert page.value("document.activeElement.id") == "file"
        assert [line for line in page.complaints if "400" not in line] == []
        outside = [url for url in page.asked if not url.startswith((service.url, "data:", "blob:", "about:"))]
        assert outside == []


def test_the_clients_of_the_benchmark_are_answered(service):
    requests = [form_request(service.url, coloured(n)) for n in (1, 2, 3)]
    assert saturate(service.url, requests, clients=8, warm_s=0.1, seconds=0.5) > 1
    assert all(0 < taken < 60 for taken in latencies(service.url, requests, rate=20, seconds=0.5))


def test_a_killed_replica_loses_no_request_but_its_own(service):
    first, _ = service.replicas()
    images = coloured(200)

    @contextmanager
    def killing():
        with ThreadPoolExecutor(40) as clients:
            asked = [clients.submit(ask, service.url, body=form(image)) for image in images]
            for one in asked[:40]:
                one.result()
            first.kill()
            yield [one.result() for one in asked]

    with killing() as replies:
        lost = [reply for reply in replies if reply.status != 200]
    assert len(lost) <= ONGOING
    assert {reply.status for reply in lost} <= {None, 500, 503}
    assert not any(b"Traceback" in reply.body for reply in lost)
    assert [reply.status for reply in in_parallel(service, images[:50])] == [200] * 50


def test_the_command_ends_cleanly_and_leaves_no_process(service):
    service.command.send_signal(signal.SIGTERM)
    assert service.command.wait(60) == 0
    assert service.output.read_text().rstrip().endswith("stopped")
    assert service.processes.wait_until_gone(10, 10) == []
