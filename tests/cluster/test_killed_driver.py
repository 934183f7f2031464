"""A driver that is killed while students learn: nothing is left running, and the same command continues."""

import json
import re
import shutil

import pytest

from tests.processes import marked, run_mmkd, started, wait_for

pytestmark = pytest.mark.cluster

SMALL = (
    "data.train_per_class=6", "data.val_per_class=1", "data.test_per_class=4", "data.shift_per_class=2",
    "aspects.count=24", "extract.batch_size=8", "extract.actors=1", "train.epochs=80", "train.batch_size=48",
    "study.arms=[ce, makd]", "study.seeds=[0]",
)  # fmt: skip


def quickstart(storage, name, *overrides):
    return ("run", "configs/quickstart.yaml", f"storage.path={storage}", f"name={name}", *SMALL, *overrides)


def checkpoints(storage):
    """Checkpoints of all lanes; each replaces the one before."""
    return set(storage.glob("study/lanes/*/checkpoint_*"))


def workers(processes):
    """The processes that train: Ray names them so."""
    return [process for process in processes.alive() if "RayTrainWorker" in " ".join(process.cmdline())]


@pytest.fixture(scope="module")
def unbroken(repository, tmp_path_factory):
    """The output and the summary of a run that nothing interrupts."""
    storage = tmp_path_factory.mktemp("unbroken")
    with marked() as processes:
        ended = run_mmkd(processes, *quickstart(storage, "a"), cwd=repository)
        left = processes.wait_until_gone()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout, json.loads((storage / "a" / "summary.json").read_text()), storage, left


def test_the_output_is_ours_and_complete(unbroken):
    output, _, storage, _ = unbroken
    lines = output.splitlines()
    assert lines[0].startswith("mmkd_ray ")
    assert f"{storage}/a/logs/run-" in output
    for stage in ("check", "images", "extract", "train", "evaluate", "report"):
        assert re.search(rf"^{stage} .* s(  |$)", output, re.MULTILINE), stage
    assert "0 missing, 0 twice" in output
    assert re.search(r"^makd +1 +\d+\.\d %", output, re.MULTILINE)
    assert "with one seed, which says nothing about chance" in output
    assert f"report: {storage}/a/report.html" in output
    assert "INFO" not in output
    assert "Warning" not in output


def test_nothing_is_left_running(unbroken):
    assert unbroken[3] == []


def test_summary_json_has_what_it_promises(unbroken):
    _, summary, _, _ = unbroken
    assert set(summary["arms"]) == {"ce", "makd"}
    for arm in summary["arms"].values():
        assert len(arm["top1"]) == 1
        assert 0 <= arm["shift_top1_mean"] <= 1
        assert arm["top1_mean"] == arm["top1"][0]
    cells = 24 * 7 * 24
    assert summary["ledger"] == {
        "images": 168, "scored": 168, "questions": 24, "expected": cells, "present": cells,
        "missing": 0, "duplicated": 0, "quarantined": 0,
    }  # fmt: skip
    assert set(summary["seconds"]) == {"check", "images", "extract", "train", "evaluate"}
    assert {"ray", "torch", "timm", "python"} <= set(summary["versions"])


def test_a_finished_run_is_free(unbroken, repository):
    _, summary, storage, _ = unbroken
    with marked() as processes:
        ended = run_mmkd(processes, *quickstart(storage, "a"), cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("already done: reused") == 3
    again = json.loads((storage / "a" / "summary.json").read_text())
    assert again["seconds"]["train"] == summary["seconds"]["train"]
    assert again["arms"] == summary["arms"]


def test_a_worker_and_then_the_driver_killed_in_training_it_ends_as_the_unbroken_run(unbroken, repository, tmp_path):
    """Extraction that is killed is tested in test_killed_extraction.py."""
    _, summary, storage, _ = unbroken
    for artifact in ("images", "teacher", "answers"):
        shutil.copytree(storage / "a" / artifact, tmp_path / "b" / artifact)
    arguments, output, run = quickstart(tmp_path, "b"), tmp_path / "killed.txt", tmp_path / "b"
    with marked() as processes:
        with started(processes, *arguments, cwd=repository, output=output) as driver:
            wait_for(lambda: len(checkpoints(run)) >= 2, driver, output)
            workers(processes)[0].kill()
            wait_for(lambda: len(workers(processes)) < 2, driver, output)
            wait_for(lambda: len(workers(processes)) == 2, driver, output)
            before = checkpoints(run)
            wait_for(lambda: not checkpoints(run) & before, driver, output)
            driver.kill()
        assert processes.wait_until_gone() == []
    assert not (tmp_path / "b" / "summary.json").exists()
    with marked() as processes:
        ended = run_mmkd(processes, *arguments, cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("already done: reused") == 2  # images and the teacher's answers, not the training
    resumed = json.loads((tmp_path / "b" / "summary.json").read_text())
    records = [json.loads(path.read_text()) for path in (tmp_path / "b" / "study").glob("*/record.json")]
    continued = [epoch for record in records for epoch in record["continued_at"]]
    assert len(continued) >= 2, "a student was trained from scratch"
    assert all(continued), "a student was trained from scratch"
    assert resumed["ledger"] == summary["ledger"]
    for arm, measured in summary["arms"].items():
        assert resumed["arms"][arm]["top1"] == measured["top1"], arm
