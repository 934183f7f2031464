"""Images by URL, from a real server."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mmkd_ray.config import ServeConfig
from mmkd_ray.errors import RequestError
from mmkd_ray.serve.fetching import fetch


class _Images(BaseHTTPRequestHandler):
    def do_GET(self):
        redirected = self.path == "/images/elsewhere"
        self.send_response(302 if redirected else 404 if self.path.endswith("nothing") else 200)
        if redirected:
            self.send_header("Location", "/secret")
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Images)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetched(host, *paths, most=100):
    config = ServeConfig(url_prefixes=(f"{host}/images/",), max_upload_bytes=most)
    return asyncio.run(fetch([f"{host}{path}" for path in paths], config))


def test_images_come_in_order(host):
    assert fetched(host, "/images/1.png", "/images/2.png") == [b"/images/1.png", b"/images/2.png"]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/secret", 403, "does not begin with one of: http://127.0.0.1:"),
        ("/images/../secret", 403, "does not begin with one of"),
        ("/images/%2e%2e/secret", 403, "does not begin with one of"),
        ("/images/elsewhere", 422, "gives no image: HTTP Error 302"),
        ("/images/nothing", 422, "gives no image: HTTP Error 404"),
        ("/images/" + "x" * 100, 422, "gives more than the limit of 100 bytes"),
    ],
)
def test_what_is_not_accepted_is_refused_in_a_sentence(host, path, status, reason):
    with pytest.raises(RequestError) as refused:
        fetched(host, path)
    assert refused.value.status == status
    assert reason in str(refused.value)


def test_a_server_that_is_not_there_is_a_sentence_too():
    with pytest.raises(RequestError, match=r"gives no image: .*refused"):
        asyncio.run(fetch(["http://127.0.0.1:9/a"], ServeConfig(url_prefixes=("http://127.0.0.1:9/",))))


def test_without_prefixes_there_are_no_images_by_url():
    with pytest.raises(RequestError, match="images by URL are not accepted here"):
        asyncio.run(fetch(["http://127.0.0.1/a"], ServeConfig()))
