import errno
import os

import pytest

from mmkd_ray import cli
from mmkd_ray.config import load
from mmkd_ray.errors import TeacherError


@pytest.fixture
def mmkd(capfd, repository, monkeypatch, tmp_path):
    """Run a command in this process; gives (status, what it printed)."""
    monkeypatch.chdir(repository)

    def call(*arguments):
        status = cli.main(list(arguments))
        captured = capfd.readouterr()
        return status, (captured.out + captured.err).strip()

    return call


def test_config_prints_every_default(mmkd):
    status, output = mmkd("config", "configs/quickstart.yaml", "train.alpha=7")
    assert status == 0
    assert "alpha: 7" in output
    assert "momentum: 0.9" in output


def test_fieldguide_sheet_writes_a_picture(mmkd, tmp_path):
    status, output = mmkd("fieldguide", "sheet", str(tmp_path / "sheet.png"))
    assert status == 0
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert output == str(tmp_path / "sheet.png")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.alhpa=3"], "unknown key 'train.alhpa'; did you mean 'train.alpha'?"),
        (["train.alpha=-1"], "train.alpha: got -1"),
        (["aspects.count=5000"], "aspects.count is 5000, but the field guide has"),
        (["student.model=resnet81"], "timm has no model 'resnet81'; did you mean"),
        (["teacher.model=/nowhere"], "'/nowhere' is no checkpoint"),
        (["teacher.model=tests"], "'tests' is no checkpoint (expected config.json and *.safetensors in it)"),
        (["cluster.address=127.0.0.1:1"], "no Ray cluster answers at '127.0.0.1:1'"),
        (["data={source: folder, path: nowhere}"], "data.path: 'nowhere' is no folder"),
        (["data={source: folder, path: .ci}"], "holds no images"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(mmkd, tmp_path, overrides, message):
    small = ["data.train_per_class=1", "data.val_per_class=1", "data.test_per_class=1", "data.shift_per_class=1"]
    if any(override.startswith("data=") for override in overrides):
        small = []
    status, output = mmkd("run", "configs/quickstart.yaml", f"storage.path={tmp_path}", *small, *overrides)
    errors = [line for line in output.splitlines() if line.startswith("mmkd: ")]
    assert status == 2
    assert len(errors) == 1
    assert errors[0].startswith("mmkd: error: ")
    assert message in errors[0]
    assert output.splitlines()[-1] == errors[0]


def test_a_stage_without_its_input_names_the_command(mmkd, tmp_path):
    status, output = mmkd("report", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 2
    assert "run `mmkd" in output


@pytest.mark.parametrize(
    ("path", "in_a_job"), [("runs", "~/runs"), ("/shared/runs", "/shared/runs"), ("s3://b/runs", "s3://b/runs")]
)
def test_a_jobs_own_folder_is_temporary_and_never_written_to(repository, monkeypatch, path, in_a_job):
    config = load(repository / "configs" / "quickstart.yaml", [f"storage.path={path}"])
    assert cli._storage(config) == path
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert cli._storage(config) == in_a_job


def test_a_full_disk_is_explained(mmkd, tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/part-00000.parquet")

    monkeypatch.setattr("mmkd_ray.artifacts.Folder.write_table", full)
    status, output = mmkd("images", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 2
    assert "storage: no space left (/data/part-00000.parquet); free some or set storage.path elsewhere" in output


def test_a_failure_of_ours_shows_the_end_of_the_log(mmkd, tmp_path, monkeypatch):
    def broken(*_arguments):
        raise ZeroDivisionError("an oversight")

    monkeypatch.setattr("mmkd_ray.pipeline.build_image_table", broken)
    status, output = mmkd("images", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 1
    assert "mmkd: failed: ZeroDivisionError: an oversight" in output
    assert "--- last lines of" in output
    assert "in broken" in output


def test_the_cause_behind_a_workers_error_is_what_is_shown(capsys):
    wrapped = RuntimeError("a task died")
    wrapped.__cause__ = TeacherError("no single-token yes")
    assert cli._fail(wrapped, log=None) == 2
    assert capsys.readouterr().err == "mmkd: error: no single-token yes\n"


def test_a_stop_that_arrives_in_rays_c_code_is_a_stop(mmkd, tmp_path, monkeypatch):
    def stopped(*_arguments):
        raise SystemError("returned a result with an exception set") from cli._Terminated(15)

    monkeypatch.setattr("mmkd_ray.pipeline.build_image_table", stopped)
    status, output = mmkd("images", "configs/quickstart.yaml", f"storage.path={tmp_path}")
    assert status == 143
    assert output.splitlines()[-1] == "mmkd: stopped; the same command continues"


def test_a_dry_run_says_what_a_study_would_train(mmkd, tmp_path):
    status, output = mmkd("study", "configs/evidence.yaml", f"storage.path={tmp_path}", "--dry-run")
    assert status == 0
    assert "variant   convnext: convnext_atto, 40 epochs of batch 64; 10 arms (ce, makd, " in output
    assert "students  260, none trained" in output
    assert "training  10,400 epochs; give --seconds-per-epoch" in output
    assert "questions" in output
    assert not (tmp_path / "evidence" / "images").exists()


def test_the_cost_of_a_study_follows_from_the_rate_given(mmkd, tmp_path):
    status, output = mmkd(
        "study", "configs/quickstart.yaml", f"storage.path={tmp_path}", "--dry-run", "--seconds-per-epoch", "0.5",
        "cluster.lanes=2",
    )  # fmt: skip
    assert status == 0
    assert "training  840 epochs at 0.50 s: 0.12 core-hours; 0.06 h with 2 students at a time" in output
