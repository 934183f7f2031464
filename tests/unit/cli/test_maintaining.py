import os
import time
from pathlib import Path

import pytest

DAY_S = 24 * 3600.0
SMALL = [f"data.{split}_per_class=1" for split in ("train", "val", "test", "shift")]


@pytest.fixture
def storage(mmkd, tmp_path, tmp_path_factory, monkeypatch):
    """The images of a run, and older ones that it used before; both were written days ago. Nothing is decoded here."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("machine")))
    for seed in (1, 2):
        status, output = mmkd(
            "images", "configs/quickstart.yaml", f"storage.path={tmp_path}", f"data.image_seed={seed}", *SMALL
        )
        assert status == 0, output
    for file in tmp_path.rglob("*"):
        os.utime(file, (time.time() - 3 * DAY_S,) * 2)
    assert len(list((tmp_path / "shared" / "images").iterdir())) == 2
    return tmp_path


def test_what_no_run_uses_is_listed_and_deleted_when_that_is_asked_for(mmkd, storage):
    status, listed = mmkd("gc", str(storage))
    assert status == 0, listed
    assert "no run refers to it" in listed
    assert listed.splitlines()[-1].startswith("1 unused, ")
    assert listed.splitlines()[-1].endswith(f"to delete them: mmkd gc {storage} --delete")
    assert len(list((storage / "shared" / "images").iterdir())) == 2

    status, deleted = mmkd("gc", str(storage), "--delete")
    assert (status, deleted.splitlines()[-1].split(": ")[-1]) == (0, "deleted")
    (kept,) = (storage / "shared" / "images").iterdir()
    assert kept.name not in listed
    assert mmkd("gc", str(storage)) == (0, f"nothing unused in {storage}")


def test_a_configuration_names_its_storage(mmkd, storage, tmp_path):
    Path(tmp_path / "config.yaml").write_text(
        f"name: x\ndata: {{source: fieldguide}}\naspects: {{source: fieldguide}}\nstorage: {{path: {storage}}}\n"
    )
    status, listed = mmkd("gc", str(tmp_path / "config.yaml"))
    assert status == 0
    assert "1 unused" in listed


def test_a_place_without_runs_is_a_mistake(mmkd, tmp_path):
    status, output = mmkd("gc", str(tmp_path / "nowhere"))
    assert status == 2
    assert output.startswith("mmkd: error: ")
    assert "holds no runs" in output
