from pathlib import Path

import pytest
import yaml

from mmkd_ray.artifacts import open_run
from mmkd_ray.aspects.questions import source_aspects
from mmkd_ray.config import StudentConfig, load, validate
from mmkd_ray.config.locations import absolute, check_no_credentials, masked
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.errors import ConfigError, DataError, MmkdError, StudentError
from mmkd_ray.students.model import check_student
from tests.unit.config.test_loading import MINIMAL, write

SECRET = "s3cr/e+t"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (f"http://user:{SECRET}@host:8000/v1", "http://***@host:8000/v1"),
        ("https://s3cret@host/v1", "https://***@host/v1"),
        (f"s3://AKIA:{SECRET}@bucket/runs", "s3://***@bucket/runs"),
        (f"s3://bucket/x?access_key=A&secret_key={SECRET}&region=eu", "s3://bucket/x?access_key=***&secret_key=***&region=eu"),
        ("https://host/v1?api-key=s3cret", "https://host/v1?api-key=***"),
        ("abfs://container@account/x?sas_token=s3cret", "abfs://container@account/x?sas_token=***"),
        (f" postgresql://me:{SECRET}@host/db", "postgresql://***@host/db"),
    ],
)  # fmt: skip
def test_a_key_in_a_uri_is_refused_and_hidden(uri, shown):
    assert masked(uri.strip()) == shown
    assert masked(f"no answer from {uri.strip()} yet") == f"no answer from {shown} yet"
    with pytest.raises(ConfigError, match=r"k: got .*set it in the environment") as caught:
        check_no_credentials(uri, where="k")
    assert shown in str(caught.value)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/x?endpoint_override=localhost:9000&scheme=http",
        "s3://bucket/a:b@c",
        "gs://anonymous@bucket/x",
        "abfs://container@account.dfs.core.windows.net/x",
        "http://localhost:8000/v1/a@b",
        "http://[::1]:8000/v1",
        "/folder/user:name@x",
        "Is http://user:word@host written on the sign?",
    ],
)
def test_what_holds_no_key_is_accepted(text):
    check_no_credentials(text)
    assert masked(text) == text.replace("user:word@", "***@")


OPENAI = {"kind": "openai", "model": "m"}


@pytest.mark.parametrize(
    "changes",
    [
        {"teacher": {**OPENAI, "base_url": f"http://user:{SECRET}@host/v1"}},
        {"teacher": {**OPENAI, "base_url": "http://host/v1?code=s3cret"}},
        {"teacher": {"engine_args": {"hf_token": "s3cret"}}},
        {"data": {"source": "folder", "path": f"s3://A:{SECRET}@bucket"}},
        {"storage": {"path": "s3://bucket/x?secret_key=s3cret"}},
        {"aspects": {"source": "llm", "llm": {**OPENAI, "base_url": "https://s3cret@host/v1"}}},
        {"study": {"variants": {"v": {"student.pretrained": f"s3://A:{SECRET}@bucket"}}}},
    ],
)
def test_no_key_of_a_configuration_may_hold_one_and_no_message_shows_it(changes):
    with pytest.raises(ConfigError, match="environment") as caught:
        validate({**MINIMAL, **changes})
    assert "s3cr" not in str(caught.value)


def test_a_file_and_an_override_with_a_key_are_refused_without_showing_it(tmp_path):
    whole = write(tmp_path, "name: a\ndata: {source: fieldguide}\naspects: {source: fieldguide}\n")
    other = tmp_path / "other"
    other.mkdir()
    for source, overrides in (
        (whole, ["teacher.kind=openai", "teacher.model=m", f"teacher.base_url=http://u:{SECRET}@host/v1"]),
        (whole, [f"storage.path=http://u:{SECRET}@host: x: y"]),
        (write(other, f"storage: {{path: 's3://A:{SECRET}@b/x'}}"), []),
    ):
        with pytest.raises(ConfigError) as caught:
            load(source, overrides)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://host/v1", "http://host/v1?a=1", "http://host/v1#a", "http://["]
)
def test_an_address_to_which_names_cannot_be_appended_is_refused(url):
    with pytest.raises(ConfigError, match=r"teacher.base_url: got .*(http://localhost:8000/v1|invalid IPv6)"):
        validate({**MINIMAL, "teacher": {**OPENAI, "base_url": url}})


def test_local_places_are_absolute_and_uris_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert absolute("a/b") == str(Path(tmp_path, "a", "b"))
    assert absolute("~/b") == str(Path(tmp_path, "home", "b"))
    assert absolute("s3://bucket/~x") == "s3://bucket/~x"
    with pytest.raises(MmkdError, match="no home folder for '~nobody-of-this-name'"):
        absolute("~nobody-of-this-name/x")


def test_every_key_that_may_be_a_local_path_knows_the_home_folder(tmp_path, monkeypatch):
    """`teacher.model` and `aspects.llm.model`: see tests/unit/answers/test_teacher.py."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    (tmp_path / "questions.yaml").write_text("- Is it red?\n- Is it small?\n")
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**MINIMAL, "storage": {"path": "~/runs"}}))
    (tmp_path / "c.yaml").write_text("include: [~/base.yaml]\nname: b")
    config = load("~/c.yaml", ["~/base.yaml", "aspects.source=file", "aspects.path=~/questions.yaml"])
    assert [aspect.question for aspect in source_aspects(config.aspects)] == ["Is it red?", "Is it small?"]
    assert open_run(config.storage.path, "a").folder.uri == f"{tmp_path}/runs/a"
    with pytest.raises(StudentError, match=f"no file {tmp_path}/w.pth"):
        check_student(StudentConfig(pretrained="~/w.pth"))
    for source, extra in (("folder", {}), ("cub", {}), ("mini_imagenet", {}), ("torchvision", {"dataset": "dtd"})):
        data = {"source": source, "path": "~/images", **extra}
        with pytest.raises(DataError, match=f"'~/images' is not a folder .looked at {tmp_path}/images"):
            open_source(validate({**MINIMAL, "data": data}))


@pytest.mark.parametrize(
    ("written", "meant"),
    [("s3//bucket/runs", "s3://bucket/runs"), ("S3:/bucket", "S3://bucket"), ("gs:/b/c", "gs://b/c")],
)
def test_a_uri_with_a_character_too_few_is_no_local_folder(written, meant):
    with pytest.raises(ConfigError, match=f"'{written}' looks like a URI and is none: write {meant}"):
        absolute(written)
    for local in ("s3/x", "./s3//x", "data//x", "s3"):
        assert absolute(local).startswith("/")
