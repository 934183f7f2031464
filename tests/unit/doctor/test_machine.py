import tempfile

import pytest

from mmkd_ray.doctor.machine import check_gpus, check_memory, check_shared_memory, check_storage, check_temporary


@pytest.fixture
def temporary(monkeypatch):
    """Sets the temporary folder, as the environment would."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)

    def is_set(place):
        place.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv("TMPDIR", str(place))
        monkeypatch.setattr(tempfile, "tempdir", None)

    yield is_set
    monkeypatch.undo()
    tempfile.tempdir = None


def test_a_temporary_folder_whose_path_is_too_long_for_sockets(tmp_path, temporary):
    """A private cluster's is in /tmp then; another machine's cluster has its own."""
    temporary(tmp_path / ("long" * 25))
    assert check_temporary(private_cluster=True).text.startswith("/tmp: ")
    assert check_temporary(private_cluster=False).text.startswith(str(tmp_path))


def test_ray_has_a_temporary_folder_of_its_own(tmp_path, temporary, monkeypatch):
    temporary(tmp_path / ("long" * 25))
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    assert check_temporary(private_cluster=True).text.startswith("/tmp: ")


def test_a_short_one_is_long_enough(temporary):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        assert check_temporary(private_cluster=True).status in ("ok", "warn"), folder


@pytest.mark.parametrize("place", ["/proc/runs", "/dev/null"])
def test_storage_that_cannot_be_written(place):
    found = check_storage(place)
    assert (found.status, found.advice) == ("fail", "set storage.path elsewhere")


def test_storage_that_is_not_there_yet_is_looked_at_where_it_would_be(tmp_path):
    found = check_storage(str(tmp_path / "a" / "b"))
    assert found.status in ("ok", "warn")
    assert found.text.endswith(" GiB free")
    assert not (tmp_path / "a").exists()


def test_an_object_store_is_not_asked():
    assert check_storage("s3://bucket/runs").status == "ok"


def test_memory_has_numbers():
    assert " GiB available" in check_memory().text
    assert " GiB" in check_shared_memory().text


def test_gpus_are_counted_or_there_are_none():
    assert check_gpus().text
