"""A teacher that cannot be downloaded is named in seconds, not after minutes of retries."""

import subprocess
import sys
import time

import pytest

from mmkd_ray.answers.hub import check_in_reach
from mmkd_ray.config import OpenAiTeacher, VllmTeacher
from mmkd_ray.errors import TeacherError
from tests.support.processes import free_port

CHECK = "from mmkd_ray.answers.hub import *; check_in_reach(VllmTeacher(model='someone/model')); print('in reach')"


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", f"http://me:s3cret@127.0.0.1:{free_port()}")


def test_a_model_that_is_nowhere_is_refused_at_once():
    started = time.monotonic()
    with pytest.raises(
        TeacherError, match=r"'someone/model' is not a folder here, and the hub http://\*\*\*@127"
    ) as caught:
        check_in_reach(VllmTeacher(model="someone/model"))
    assert "s3cret" not in str(caught.value)
    assert time.monotonic() - started < 30


def test_what_is_local_or_elsewhere_is_not_looked_for(monkeypatch):
    check_in_reach(VllmTeacher())
    check_in_reach(OpenAiTeacher(kind="openai", model="someone/model"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # transformers says so by itself, at once
    check_in_reach(VllmTeacher(model="someone/model"))


def test_a_model_in_the_cache_is_taken_without_the_hub(tmp_path, monkeypatch):
    repository = tmp_path / "hub" / "models--someone--model"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "snapshots" / "abc" / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    monkeypatch.setenv("HF_HOME", str(tmp_path))  # read when the library is imported
    told = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=False)
    assert told.stdout.strip() == "in reach", told.stderr
