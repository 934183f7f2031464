"""A driver that is killed while students learn: nothing is left running, and the same command continues."""

import json
import re

import pytest

from tests.cluster.conftest import IMAGES, QUESTIONS, command, copy
from tests.processes import marked, run_mmkd, started, wait_for

pytestmark = pytest.mark.cluster


def checkpoints(storage):
    """Checkpoints of all lanes; each replaces the one before."""
    return set(storage.glob("study/lanes/*/checkpoint_*"))


def workers(processes):
    """The processes that train: Ray names them so."""
    return [process for process in processes.alive() if "RayTrainWorker" in " ".join(process.cmdline())]


@pytest.fixture(scope="module")
def unbroken(unbroken_run):
    """The output and the summary of a run that nothing interrupts."""
    storage, ended, left = unbroken_run
    return ended.stdout, json.loads((storage / "r" / "summary.json").read_text()), storage, left


def test_the_output_is_ours_and_complete(unbroken):
    output, _, storage, _ = unbroken
    lines = output.splitlines()
    assert lines[0].startswith("mmkd_ray ")
    assert f"{storage}/r/logs/run-" in output
    for stage in ("check", "images", "extract", "train", "evaluate", "report"):
        assert re.search(rf"^{stage} .* s(  |$)", output, re.MULTILINE), stage
    assert "0 missing, 0 twice" in output
    assert re.search(r"^makd +1 +\d+\.\d %", output, re.MULTILINE)
    assert "with one seed, which says nothing about chance" in output
    assert f"report: {storage}/r/report.html" in output
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
    cells = IMAGES * QUESTIONS
    assert summary["ledger"] == {
        "images": IMAGES, "scored": IMAGES, "questions": QUESTIONS, "expected": cells, "present": cells,
        "missing": 0, "duplicated": 0, "quarantined": 0,
    }  # fmt: skip
    assert set(summary["seconds"]) == {"check", "images", "extract", "train", "evaluate"}
    assert {"ray", "torch", "timm", "python"} <= set(summary["versions"])


def test_a_finished_run_is_free(unbroken, repository):
    _, summary, storage, _ = unbroken
    with marked() as processes:
        ended = run_mmkd(processes, *command("run", storage), cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("already done: reused") == 3
    again = json.loads((storage / "r" / "summary.json").read_text())
    assert again["seconds"]["train"] == summary["seconds"]["train"]
    assert again["arms"] == summary["arms"]


def test_workers_and_then_the_driver_killed_in_training_it_ends_as_the_unbroken_run(unbroken, repository, tmp_path):
    """Extraction that is killed is tested in test_killed_extraction.py."""
    _, summary, storage, _ = unbroken
    copy(storage, tmp_path, "images", "teacher", "answers")
    arguments, output, run = command("run", tmp_path), tmp_path / "killed.txt", tmp_path / "r"
    with marked() as processes:
        with started(processes, *arguments, cwd=repository, output=output) as driver:
            wait_for(lambda: len(checkpoints(run)) >= 2, driver, output)
            for worker in workers(processes):
                worker.kill()
            before = checkpoints(run)
            wait_for(lambda: checkpoints(run) - before, driver, output)
            driver.kill()
        assert processes.wait_until_gone() == []
    assert not (run / "summary.json").exists()
    with marked() as processes:
        ended = run_mmkd(processes, *arguments, cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("already done: reused") == 2  # images and the teacher's answers, not the training
    resumed = json.loads((run / "summary.json").read_text())
    records = [json.loads(path.read_text()) for path in (run / "study").glob("*/record.json")]
    continued = [epoch for record in records for epoch in record["continued_at"]]
    assert len(continued) >= 2, "a student was trained from scratch"
    assert all(continued), "a student was trained from scratch"
    assert resumed["ledger"] == summary["ledger"]
    for arm, measured in summary["arms"].items():
        assert resumed["arms"][arm]["top1"] == measured["top1"], arm
