"""Whatever is killed, whenever: the same command ends as if nothing had happened, and nothing is left running.

One file, because one unbroken run is what all of it is compared with.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from mmkd_ray import schema
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.answers.verify import verify
from mmkd_ray.artifacts import open_run
from tests.support.clusters import two_nodes
from tests.support.events import scalars
from tests.support.processes import hide_libraries, marked, run_mmkd, started, wait_for

pytestmark = pytest.mark.cluster

IMAGES, QUESTIONS, BATCH = 24 * 7, 52, 8
_SMALL = (
    "data.train_per_class=6", "data.val_per_class=1", "data.test_per_class=4", "data.shift_per_class=1",
    f"extract.batch_size={BATCH}", "extract.actors=1", "train.epochs=60", "train.batch_size=48",
    "study.arms=[ce, makd]", "study.seeds=[0]",
)  # fmt: skip


def command(stage, storage, *overrides):
    """Arguments of `mmkd` for the run `r` of the quickstart, made small."""
    return (stage, "configs/quickstart.yaml", f"storage.path={storage}", "name=r", *_SMALL, *overrides)


def copy(storage, there, *artifacts):
    """Copy files and folders of a storage path, times and all."""
    for artifact in artifacts:
        (there / artifact).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-rp", f"{storage}/{artifact}", f"{there}/{artifact}"], check=True)


IMAGE_TABLE = ("r/images.json", "shared/images")
ANSWERED = (*IMAGE_TABLE, "r/answers.json", "shared/answers", "r/teacher")
"""What is there before extraction, and after it."""


@pytest.fixture(scope="module")
def unbroken(repository, tmp_path_factory):
    """A whole run that nothing interrupts: its storage, what it said, what it came to, and what it left running.

    It is started in a folder with modules that hide libraries, and with a TMPDIR too long for the paths of sockets.
    """
    storage, folder = tmp_path_factory.mktemp("unbroken"), tmp_path_factory.mktemp("long" * 25)
    hide_libraries(folder)
    arguments = [str(repository / word) if word.startswith("configs/") else word for word in command("run", storage)]
    with marked() as processes:
        ended = run_mmkd(processes, *arguments, cwd=folder, TMPDIR=str(folder))
        left = processes.wait_until_gone()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return SimpleNamespace(
        storage=storage,
        output=ended.stdout,
        summary=json.loads((storage / "r" / "summary.json").read_text()),
        table=read_teacher_table(open_run(str(storage), "r")),
        left=left,
    )


@pytest.fixture
def storage(unbroken, tmp_path):
    """A run with its image table alone."""
    copy(unbroken.storage, tmp_path, *IMAGE_TABLE)
    return tmp_path


def checkpoints(storage):
    """Checkpoints of all lanes; each replaces the one before."""
    return set(storage.glob("study/lanes/*/checkpoint_*"))


def lanes(checkpoints):
    """Those that have some."""
    return {checkpoint.parent for checkpoint in checkpoints}


TRAINS, ASKS = "RayTrainWorker", "AskTeacher"
"""In the names that Ray gives to processes that train, and to those with an engine, loading or loaded."""


def named(processes, name):
    """The processes that Ray has named so."""
    found = []
    for process in processes.alive():
        with suppress(psutil.Error):  # it has just ended
            if name in " ".join(process.cmdline()):
                found.append(process)
    return found


@contextmanager
def extracting(processes, storage, repository, *overrides, **environment):
    """A running `mmkd extract`, and what it has printed; ended, if it is not, with the block."""
    output = storage / "output.txt"
    arguments = command("extract", storage, *overrides)
    with started(processes, *arguments, cwd=repository, output=output, **environment) as driver:
        yield driver, output


def stored(storage):
    """The files of batches, by name, with the time at which each was written; merged when extraction ends."""
    found = {}
    for path in (storage / "shared" / "answers").glob("*/part-*.parquet"):
        with suppress(FileNotFoundError):
            found[path.name] = path.stat().st_mtime_ns
    return found


def merged(storage):
    """The batches whose answers are in the file that an ended extraction has made of them."""
    (whole,) = (storage / "shared" / "answers").glob("*/rows-*.parquet")
    return set(json.loads(pq.read_schema(whole).metadata[schema.REPLACES]))


def check_progress(output):
    """No line of progress says that more is done than there is to do."""
    shown = re.findall(r"^(?:extract|train) +([\d,]+) / ([\d,]+) ", output.read_text(), re.MULTILINE)
    assert shown
    for done, total in shown:
        assert int(done.replace(",", "")) <= int(total.replace(",", "")), f"{done} of {total}"


def wait_and_watch(driver, storage, before):
    """Wait for the end; no batch that was written before may be written again."""
    deadline = time.monotonic() + 300
    while driver.poll() is None and time.monotonic() < deadline:
        again = {name for name, when in stored(storage).items() if before.get(name, when) != when}
        assert not again, "a batch that was written before the kill was asked again"
        time.sleep(0.2)
    assert before.keys() <= merged(storage)
    return driver.wait(1)


def check_same(storage, unbroken):
    """The ledger holds, read again, and every P(yes) is that of the unbroken run."""
    run = open_run(str(storage), "r")
    ledger = verify(run)
    assert (ledger.present, ledger.missing, ledger.duplicated) == (IMAGES * QUESTIONS, 0, 0)
    table = read_teacher_table(run)
    assert table.image_ids == unbroken.table.image_ids
    np.testing.assert_allclose(table.p_yes_NQ, unbroken.table.p_yes_NQ, rtol=0, atol=1e-5)
    return run.teacher.record()


def test_the_output_is_ours_and_complete(unbroken):
    output = unbroken.output
    assert output.startswith("mmkd_ray ")
    assert f"{unbroken.storage}/r/logs/run-" in output
    for stage in ("check", "images", "extract", "train", "evaluate", "report"):
        assert re.search(rf"^{stage} .* s(  |$)", output, re.MULTILINE), stage
    assert "0 missing, 0 twice" in output
    assert re.search(r"^makd +1 +\d+\.\d %", output, re.MULTILINE)
    assert "with one seed, which says nothing about chance" in output
    assert f"report: {unbroken.storage}/r/report.html" in output
    assert f"robustness: {unbroken.storage}/r/robustness.html" in output
    assert "INFO" not in output
    assert "Warning" not in output


def test_nothing_is_left_running(unbroken):
    assert unbroken.left == []


def test_summary_json_has_what_it_promises(unbroken):
    summary = unbroken.summary
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
    summary, storage = unbroken.summary, unbroken.storage
    with marked() as processes:
        ended = run_mmkd(processes, *command("run", storage), cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("already done: reused") == 3
    again = json.loads((storage / "r" / "summary.json").read_text())
    assert again["seconds"]["train"] == summary["seconds"]["train"]
    assert again["arms"] == summary["arms"]


def test_workers_and_then_the_driver_killed_in_training_it_ends_as_the_unbroken_run(unbroken, repository, tmp_path):
    """Meanwhile a second driver is refused; after the kill one is taken at once."""
    summary = unbroken.summary
    copy(unbroken.storage, tmp_path, *ANSWERED)
    # Some checkpoints are of the middle of an epoch.
    arguments = command("run", tmp_path, "cluster.checkpoint_minutes=0.005")
    output, run = tmp_path / "killed.txt", tmp_path / "r"
    with marked() as processes, marked() as others, ThreadPoolExecutor() as meanwhile:
        with started(processes, *arguments, cwd=repository, output=output) as driver:
            wait_for(lambda: (run / "writer.lock").exists() and (run / "writer.lock").read_text(), driver, output)
            second = command("train", tmp_path, "train.alpha=2"), command("study", tmp_path, "--dry-run")
            refused, looked = (meanwhile.submit(run_mmkd, others, *words, cwd=repository) for words in second)
            wait_for(lambda: len(lanes(checkpoints(run))) == 2, driver, output)
            for worker in named(processes, TRAINS):
                worker.kill()
            before = checkpoints(run)
            wait_for(lambda: len(lanes(checkpoints(run) - before)) == 2, driver, output)
            refused, looked = refused.result(), looked.result()
            driver.kill()
            driver.wait()
            assert not (run / "summary.json").exists()
            # Its raylet and its workers may live for some seconds yet.
            ended = run_mmkd(others, *arguments, cwd=repository)
        assert processes.wait_until_gone() == []
        assert others.wait_until_gone() == []
    (line,) = [line for line in refused.stdout.splitlines() if line.startswith("mmkd: error:")]
    assert f"{run} is being written by " in line
    assert re.search(rf"\(process {driver.pid}: .*\btrain\b.*\) since ", line), line
    assert refused.returncode == 2
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert ended.returncode == 0, ended.stdout + ended.stderr
    check_progress(output)
    assert ended.stdout.count("already done: reused") == 2  # images and the teacher's answers, not the training
    resumed = json.loads((run / "summary.json").read_text())
    records = [json.loads(path.read_text()) for path in (run / "study").glob("*/record.json")]
    continued = [epoch for record in records for epoch in record["continued_at"]]
    assert len(continued) >= 2, "a student was trained from scratch"
    students = list((run / "study" / "tensorboard").iterdir())
    assert len(students) == 2
    for student in students:
        for name, curve in scalars(student).items():
            assert [step for step, _ in curve] == list(range(60)), f"{student.name}: {name}"
    assert resumed["ledger"] == summary["ledger"]
    for arm, measured in summary["arms"].items():
        assert resumed["arms"][arm]["top1"] == measured["top1"], arm


def test_a_driver_killed_at_any_moment_and_a_preempted_one_are_continued(storage, unbroken, repository):
    """Killed while loading, killed between batches, preempted with batches in flight.

    Then the driver is left alone, and its engine is killed while loading, and the next one while asking.
    """
    snapshots = []
    for moment, signum in (("loading", signal.SIGKILL), ("asking", signal.SIGKILL), ("asking", signal.SIGTERM)):
        enough = len(stored(storage)) + (4 if moment == "asking" else 0)
        with marked() as processes, extracting(processes, storage, repository) as (driver, output):
            wait_for(lambda: named(processes, ASKS) and len(stored(storage)) >= enough, driver, output)  # noqa: B023
            if moment == "loading":
                time.sleep(2)
            os.kill(driver.pid, signum)
            status = driver.wait(90)
            assert processes.wait_until_gone() == []
        assert status == {signal.SIGKILL: -9, signal.SIGTERM: 143}[signum], output.read_text()
        assert not (storage / "r" / "teacher" / "record.json").exists()
        snapshots.append(stored(storage))
    said = output.read_text()
    assert "stopped; the same command continues" in said
    # What was in flight at the SIGTERM was written: the last line of progress counts all that is there.
    done = max(int(count.replace(",", "")) for count in re.findall(r"^extract +([\d,]+) / ", said, re.MULTILINE))
    rows = sum(pq.read_metadata(path).num_rows for path in (storage / "shared" / "answers").glob("*/part-*.parquet"))
    assert IMAGES > done == rows
    for before, after in itertools.pairwise(snapshots):
        assert before.items() <= after.items(), "a batch that was written was asked again"
    with marked() as processes, extracting(processes, storage, repository) as (driver, output):
        wait_for(lambda: named(processes, ASKS), driver, output)
        (first,) = named(processes, ASKS)
        first.kill()
        wait_for(lambda: len(stored(storage)) >= len(snapshots[-1]) + 2, driver, output)
        before = stored(storage)
        (second,) = named(processes, ASKS)
        second.kill()
        assert wait_and_watch(driver, storage, before) == 0, output.read_text()
    assert first.pid != second.pid
    assert check_same(storage, unbroken)["asked_again"] == 0
    assert f"{IMAGES} / {IMAGES} images" in output.read_text()


def test_killed_between_the_last_answers_and_the_record_it_asks_nothing_again(unbroken, repository, tmp_path):
    """The state that such a kill leaves: all answers, half a table, no record; and a file that was being written."""
    copy(unbroken.storage, tmp_path, *ANSWERED)
    teacher, before = tmp_path / "r" / "teacher", merged(tmp_path)
    (teacher / "record.json").unlink()
    part = next((teacher / "table").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:1000])
    answers = next((tmp_path / "shared" / "answers").iterdir())
    (answers / ".part-0123456789abcdef.parquet.0123.part").write_bytes(b"half")
    with marked() as processes:
        ended = run_mmkd(processes, *command("extract", tmp_path), cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (stored(tmp_path), merged(tmp_path)) == ({}, before)
    check_same(tmp_path, unbroken)


def test_a_lost_node_is_survived(storage, unbroken, repository):
    """Each node runs an engine; the second one's raylet is killed while both are asking."""
    with (
        two_nodes() as cluster,
        extracting(
            cluster.processes, storage, repository, "extract.actors=2", RAY_ADDRESS=cluster.address
        ) as (driver, output),
    ):  # fmt: skip
        wait_for(lambda: len(stored(storage)) >= 5, driver, output)
        before, raylet = stored(storage), cluster.second_raylet()
        workers = raylet.children()
        raylet.kill()
        assert not psutil.wait_procs(workers, timeout=10)[1], "a worker outlives its raylet"
        assert wait_and_watch(driver, storage, before) == 0, output.read_text()
    check_same(storage, unbroken)


@pytest.mark.parametrize("process", ["raylet", "gcs_server"])
def test_a_lost_cluster_ends_the_run_at_once_with_one_line(storage, repository, process):
    with marked() as processes:
        with extracting(processes, storage, repository) as (driver, output):
            wait_for(lambda: named(processes, ASKS), driver, output)  # loading
            (lost,) = [child for child in psutil.Process(driver.pid).children() if child.name() == process]
            lost.kill()
            assert driver.wait(40) == 2, output.read_text()
        assert processes.wait_until_gone() == []
    lines = output.read_text().splitlines()
    assert re.match(r"mmkd: error: the Ray cluster is gone \(the .* has ended.* the same command continues$", lines[-1])
