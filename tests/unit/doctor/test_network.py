import socket
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from mmkd_ray.config import ClusterConfig
from mmkd_ray.doctor.network import check_hub, check_ray
from tests.support.processes import free_port


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_without_an_address_there_will_be_a_private_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    found = check_ray(ClusterConfig())
    assert (found.status, found.text.split(" (")[0]) == ("ok", "a private cluster on this machine")


def test_an_address_where_nothing_listens(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")
    found = check_ray(ClusterConfig())
    assert found.status == "fail"
    assert "no Ray cluster answers at '127.0.0.1:" in found.text
    assert "start one with `ray start --head`" in found.text


@pytest.mark.parametrize(("token", "status"), [("secret", "ok"), (None, "warn")])
def test_an_address_that_answers_with_and_without_a_token(monkeypatch, tmp_path, token, status):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text(token)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = check_ray(ClusterConfig(address=f"127.0.0.1:{listener.getsockname()[1]}"))
    assert found.status == status
    assert ("ray get-auth-token" in found.advice) == (token is None)
    assert "secret" not in str(found)


def test_the_hub_switched_off(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert check_hub(needed=False).status == "ok"
    assert check_hub(needed=True).status == "warn"


def test_a_hub_that_does_not_answer(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    found = check_hub(needed=True)
    assert found.status == "warn"
    assert "does not answer" in found.text
    assert "HF_HOME" in found.advice


def test_a_hub_that_answers(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    for path in ("", "/not/there"):
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}{path}")
        assert check_hub(needed=True).status == "ok"
    server.shutdown()
    server.server_close()
    thread.join()
