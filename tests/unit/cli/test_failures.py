import errno
import os

from mmkd_ray.cli.failures import Terminated, explain_failure
from mmkd_ray.errors import TeacherError


def test_a_full_disk_is_explained(mmkd, tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/part-00000.parquet")

    monkeypatch.setattr("mmkd_ray.artifacts.Folder.write_table", full)
    status, output = mmkd("images", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 2
    assert "storage: no space left for /data/part-00000.parquet (" in output
    assert "MiB free): free some, or set storage.path elsewhere; the same command continues" in output


def test_a_failure_of_ours_shows_the_end_of_the_log(mmkd, tmp_path, monkeypatch):
    def broken(*_arguments):
        raise ZeroDivisionError("an oversight")

    monkeypatch.setattr("mmkd_ray.data.building.build_image_table", broken)
    status, output = mmkd("images", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 1
    assert "mmkd: failed: ZeroDivisionError: an oversight" in output
    assert "--- last lines of" in output
    assert "in broken" in output


def test_the_cause_behind_a_workers_error_is_what_is_shown(capsys):
    wrapped = RuntimeError("a task died")
    wrapped.__cause__ = TeacherError("no single-token yes")
    assert explain_failure(wrapped, log=None) == 2
    assert capsys.readouterr().err == "mmkd: error: no single-token yes\n"


def test_a_stop_that_arrives_in_rays_c_code_is_a_stop(mmkd, tmp_path, monkeypatch):
    def stopped(*_arguments):
        raise SystemError("returned a result with an exception set") from Terminated(15)

    monkeypatch.setattr("mmkd_ray.data.building.build_image_table", stopped)
    status, output = mmkd("images", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 143
    assert output.splitlines()[-1] == "mmkd: stopped; the same command continues"


def test_a_file_in_place_of_a_run_is_named_and_a_configuration_stands_for_its_run(mmkd, tmp_path):
    for command in (("verify",), ("gc",), ("export-teacher",)):
        status, output = mmkd(*command, "README.md", *(["out.json"] if command[0] == "export-teacher" else []))
        assert status == 2
        assert len(output.splitlines()) == 1, output
        assert "README.md" in output
    status, output = mmkd("verify", "configs/own_images.yaml")
    assert status == 2
    assert "/runs/own_images/ holds no run" in output
