"""Extraction that is killed, anywhere: the same command ends with the same table; only what was in flight is redone."""

import os
import re
import signal
import time
from contextlib import contextmanager, suppress

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.extract.table import read_teacher_table
from mmkd_ray.extract.verify import verify
from tests.cluster.conftest import IMAGES, QUESTIONS, command, copy
from tests.clusters import two_nodes
from tests.processes import marked, run_mmkd, started, wait_for

pytestmark = pytest.mark.cluster


@pytest.fixture
def storage(unbroken_run, tmp_path):
    """A run with its image table alone."""
    copy(unbroken_run[0], tmp_path, "images")
    return tmp_path


@pytest.fixture(scope="module")
def unbroken(unbroken_run):
    """The teacher table of a run that nothing interrupts."""
    return read_teacher_table(open_run(str(unbroken_run[0]), "r"))


@contextmanager
def extracting(processes, storage, repository, *overrides, **environment):
    """A running `mmkd extract`, and what it has printed; ended, if it is not, with the block."""
    output = storage / "output.txt"
    arguments = command("extract", storage, *overrides)
    with started(processes, *arguments, cwd=repository, output=output, **environment) as driver:
        yield driver, output


def stored(storage):
    """The files of answers, by name, with the time at which each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (storage / "r" / "answers").glob("*/part-*.parquet")}


def engines(processes):
    """The processes of engine actors, loading or loaded: Ray names them so."""
    found = []
    for process in processes.alive():
        with suppress(psutil.Error):  # it has just ended
            if "AskTeacher" in " ".join(process.cmdline()):
                found.append(process)
    return found


def check_same(storage, unbroken):
    """The ledger holds, read again, and every P(yes) is that of the unbroken run."""
    run = open_run(str(storage), "r")
    ledger = verify(run)
    assert (ledger.present, ledger.missing, ledger.duplicated) == (IMAGES * QUESTIONS, 0, 0)
    table = read_teacher_table(run)
    assert table.image_ids == unbroken.image_ids
    np.testing.assert_allclose(table.p_yes_NQ, unbroken.p_yes_NQ, rtol=0, atol=1e-5)
    return run.teacher.record()


def test_an_engine_killed_while_loading_and_again_while_asking_is_replaced(storage, unbroken, repository):
    with marked() as processes, extracting(processes, storage, repository, "extract.actors=1") as (driver, output):
        wait_for(lambda: engines(processes), driver, output)
        (first,) = engines(processes)
        first.kill()
        wait_for(lambda: len(stored(storage)) >= 3, driver, output)
        before = stored(storage)
        (second,) = engines(processes)
        second.kill()
        assert driver.wait(300) == 0, output.read_text()
    assert first.pid != second.pid
    assert before.items() <= stored(storage).items(), "a batch that was written before the kill was asked again"
    assert check_same(storage, unbroken)["asked_again"] == 0
    assert f"{IMAGES} / {IMAGES} images" in output.read_text()


def test_a_driver_killed_at_any_moment_and_a_preempted_one_are_continued(storage, unbroken, repository):
    """Killed while loading, killed between batches, preempted with batches in flight, and then left alone."""
    snapshots = []
    for moment, signum in (("loading", signal.SIGKILL), ("asking", signal.SIGKILL), ("asking", signal.SIGTERM)):
        enough = len(stored(storage)) + (4 if moment == "asking" else 0)
        with marked() as processes, extracting(processes, storage, repository) as (driver, output):
            wait_for(lambda: engines(processes) and len(stored(storage)) >= enough, driver, output)  # noqa: B023
            if moment == "loading":
                time.sleep(2)
            os.kill(driver.pid, signum)
            status = driver.wait(90)
            assert processes.wait_until_gone(30) == []
        assert status == {signal.SIGKILL: -9, signal.SIGTERM: 143}[signum], output.read_text()
        assert not (storage / "r" / "teacher" / "record.json").exists()
        snapshots.append(stored(storage))
    said = output.read_text()
    assert "stopped; the same command continues" in said
    # What was in flight at the SIGTERM was written: the last line of progress counts all that is there.
    done = max(int(count.replace(",", "")) for count in re.findall(r"^extract +([\d,]+) / ", said, re.MULTILINE))
    rows = sum(pq.read_metadata(path).num_rows for path in (storage / "r" / "answers").glob("*/part-*.parquet"))
    assert IMAGES > done == rows
    with marked() as processes:
        ended = run_mmkd(processes, *command("extract", storage), cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    after = stored(storage)
    for snapshot in snapshots:
        assert snapshot.items() <= after.items(), "a batch that was written was asked again"
    check_same(storage, unbroken)


def test_killed_between_the_last_answers_and_the_record_it_asks_nothing_again(
    unbroken_run, unbroken, repository, tmp_path
):
    """The state that such a kill leaves: all answers, half a table, no record; and a file that was being written."""
    copy(unbroken_run[0], tmp_path, "images", "teacher", "answers")
    teacher, before = tmp_path / "r" / "teacher", stored(tmp_path)
    (teacher / "record.json").unlink()
    part = next((teacher / "table").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:1000])
    answers = next((tmp_path / "r" / "answers").iterdir())
    (answers / "part-0123456789abcdef.parquet.part").write_bytes(b"half")
    with marked() as processes:
        ended = run_mmkd(processes, *command("extract", tmp_path), cwd=repository)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert stored(tmp_path) == before
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
        before = stored(storage)
        cluster.second_raylet().kill()
        assert driver.wait(300) == 0, output.read_text()
    assert before.items() <= stored(storage).items()
    check_same(storage, unbroken)
