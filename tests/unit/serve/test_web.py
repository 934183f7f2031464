"""The routes, without Ray: what the tests of the whole service do not reach."""

import re
from importlib import resources

import pytest
from starlette.testclient import TestClient

from mmkd_ray.config import ServeConfig
from mmkd_ray.errors import RequestError
from mmkd_ray.serve.web import web_app

METADATA = {"name": "makd seed 0"}


def client(predict):
    return TestClient(web_app(METADATA, ServeConfig(), predict), raise_server_exceptions=False)


def test_a_failure_of_ours_is_told_without_its_details(caplog):
    async def fail(_images):
        raise RuntimeError("a secret of the server")

    reply = client(fail).post("/predict", files={"file": b"x"})
    assert (reply.status_code, reply.json()) == (500, {"error": "the service failed; its log says why"})
    assert "a secret of the server" in caplog.text


def test_a_refusal_is_its_sentence():
    async def refuse(_images):
        raise RequestError(400, "image 0: not a readable image")

    reply = client(refuse).post("/predict", files={"file": b"x"})
    assert (reply.status_code, reply.json()) == (400, {"error": "image 0: not a readable image"})


@pytest.mark.parametrize("path", ["/", "/healthz"])
def test_a_monitor_may_ask_for_the_head_alone(path):
    reply = client(None).head(path)
    assert (reply.status_code, reply.content) == (200, b"")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/nothing"])
def test_there_is_nothing_else(path):
    reply = client(None).get(path)
    assert (reply.status_code, list(reply.json())) == (404, ["error"])


def test_the_page_asks_its_own_host_alone_and_marks_no_text_as_html():
    reply = client(None).get("/")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    page = resources.files("mmkd_ray.serve").joinpath("page.html").read_text()
    assert reply.text == page
    assert re.findall(r"https?://", page) == []
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page)
