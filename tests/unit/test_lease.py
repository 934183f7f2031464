"""Who writes into a run, with real processes; the record that is renewed is tried on a local disk."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from mmkd_ray import lease
from mmkd_ray.artifacts import Folder
from mmkd_ray.errors import BusyError
from mmkd_ray.lease import LOCK, WRITERS, Holder, writing

_HOLD = """
import sys, time
from mmkd_ray import lease
from mmkd_ray.artifacts import Folder, Run

run = Run(Folder(sys.argv[1]))
{setup}
with {held}:
    {inside}
    print("holding", flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(run, *, held='lease.writing(run, "train")', setup="", inside="pass"):
    """Another process that holds the lease; killed with the block, if it is not dead by then."""
    code = _HOLD.format(held=held, setup=setup, inside=inside)
    process = subprocess.Popen([sys.executable, "-c", code, run.folder.uri], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "holding\n"
        yield process
    finally:
        process.kill()
        process.wait()


def kill(process):
    """As the system does when memory is short."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_second_writer_is_told_who_writes(run):
    with holder(run) as process, pytest.raises(BusyError) as refused, writing(run, "images"):
        pass
    message = str(refused.value)
    assert message.startswith(f"{run.folder.uri} is being written by {Holder.here('').user} on ")
    assert f"(process {process.pid}: train) since 20" in message
    assert "choose another name=" in message
    assert "\n" not in message


def test_it_ends_with_the_block_and_with_an_error(run):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), writing(run, "train"):
            raise KeyboardInterrupt


def test_two_of_one_process_exclude_each_other_and_two_runs_do_not(run):
    with writing(run, "train"):
        with pytest.raises(BusyError, match=f"process {os.getpid()}: train"), writing(run, "images"):
            pass
        with writing(type(run)(Folder(f"{run.folder.uri}-other")), "images"):
            pass


def test_a_killed_writer_blocks_nobody(run):
    with holder(run) as process:
        kill(process)
        with writing(run, "train"):
            pass


@pytest.mark.parametrize(
    "start",
    [
        "child = os.fork() or time.sleep(60)",
        "child = subprocess.Popen(['sleep', '60'], close_fds=False).pid",
        "other = forking.Process(target=time.sleep, args=(60,)); other.start(); child = other.pid",
    ],
    ids=["fork", "exec", "multiprocessing"],
)
def test_the_children_of_a_killed_writer_do_not_keep_the_lease(run, tmp_path, start):
    setup = "import multiprocessing, os, pathlib, subprocess; forking = multiprocessing.get_context('fork')"
    inside = f"{start}; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child))"
    with holder(run, setup=setup, inside=inside) as process:
        kill(process)
        child = int((tmp_path / "pid").read_text())
        os.kill(child, 0)  # it lives
        try:
            with writing(run, "train"):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_lock_file_that_cannot_be_read_names_nobody(run):
    with writing(run, "train"):
        run.folder.filesystem.open_output_stream(f"{run.folder.path}/{LOCK}").close()
        with pytest.raises(BusyError, match="is being written by another process: wait"), writing(run, "images"):
            pass


_RENEWED = {
    "setup": "lease.RENEW_S = 0.2; lease.EXPIRE_S = 2.0",
    "held": 'lease._renewed(run, lease.Holder.here("train"), print)',
}
"""As on an object store, in little time."""


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 0.2)
    monkeypatch.setattr(lease, "EXPIRE_S", 2.0)


def test_without_locks_a_record_that_is_renewed_keeps_others_out(run, quick):
    told = []
    with (
        holder(run, **_RENEWED) as process,
        pytest.raises(BusyError, match=f"process {process.pid}: train"),
        lease._renewed(run, Holder.here("images"), told.append),
    ):
        pass
    assert len(told) == 1
    assert "waiting for up to 2 s to see whether a writer still lives" in told[0]
    with lease._renewed(run, Holder.here("images"), told.append):
        time.sleep(0.5)
        assert len(run.folder.child(WRITERS).names()) == 1
    assert run.folder.child(WRITERS).names() == []


def test_without_locks_a_killed_writer_expires(run, quick):
    with holder(run, **_RENEWED) as process:
        kill(process)
        started = time.monotonic()
        with lease._renewed(run, Holder.here("images"), lambda _: None):
            assert 0.5 < time.monotonic() - started < 10
            assert len(run.folder.child(WRITERS).names()) == 1
