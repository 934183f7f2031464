"""The monitor on a real cluster: counts, failures, and a SIGTERM that waits for work in flight."""

import os
import signal
import threading
import time

import pytest
import ray

from mmkd_ray.cluster.monitor import SETTLE_S, monitored
from mmkd_ray.errors import TeacherError

pytestmark = pytest.mark.usefixtures("ray_cluster")


def nothing(*_):
    pass


def test_progress_starts_at_the_count_of_an_earlier_run_and_ends_at_the_total():
    seen = []
    with monitored(10, lambda *counts: seen.append(counts), done=4) as monitor:
        monitor.add.remote(3, answers=30)
        ray.get(monitor.end.remote("a", "batch", 3, answers=30, quarantined=1))
    assert seen[0] == (4, 10, {})
    assert seen[-1] == (10, 10, {"answers": 60, "quarantined": 1})


def test_what_a_worker_tells_is_said_once_on_the_drivers_terminal(capsys):
    with monitored(1, nothing) as monitor:
        ray.get(monitor.tell.remote("half a checkpoint"))
    assert capsys.readouterr().err.count("half a checkpoint") == 1


def test_a_piece_that_is_repeated_after_a_restart_counts_once():
    with monitored(10, nothing) as monitor:
        for _ in range(2):
            ray.get(monitor.end.remote("a", "batch", 3, answers=30))
        assert ray.get(monitor.counts.remote()) == {"done": 3, "answers": 30}


def test_a_piece_that_is_continued_from_a_checkpoint_counts_from_there():
    with monitored(6, nothing) as monitor:
        for piece, done in (("a", 2), ("b", 3), ("a", 3), ("a", 1), ("a", 2), ("a", 3)):
            monitor.reached.remote(piece, done)
        assert ray.get(monitor.counts.remote()) == {"done": 6}
        assert ray.get(monitor.how_far.remote("b")) == 3


def test_the_failure_that_a_worker_reported_is_raised_in_place_of_rays_error():
    with pytest.raises(TeacherError, match="no such token"), monitored(1, nothing) as monitor:  # noqa: PT012
        ray.get(monitor.fail.remote(TeacherError("no such token")))
        raise RuntimeError("actor died")


def test_the_work_of_an_engine_is_counted_from_when_it_has_settled_to_its_latest_record():
    with monitored(1, nothing) as monitor:
        for busy in (5.0, 6.0):
            ray.get(monitor.measure.remote("a", {"busy_s": busy}))
        time.sleep(SETTLE_S + 0.1)
        for busy in (9.0, 10.0):
            ray.get(monitor.measure.remote("a", {"busy_s": busy}))
        (engine,) = ray.get(monitor.engines.remote())
    assert engine["busy_s"] == 4.0
    assert SETTLE_S < engine["time"] < 60


@ray.remote(num_cpus=0)
class Worker:
    def join(self, monitor):
        ray.get(monitor.join.remote("w", ray.get_runtime_context().current_actor))


def test_workers_end_with_the_block_even_if_references_to_them_are_left():
    worker = Worker.remote()
    with monitored(1, nothing) as monitor:
        ray.get(worker.join.remote(monitor))
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(worker.join.remote(None), timeout=10)


class Stopped(BaseException):
    pass


def test_after_a_sigterm_work_in_flight_is_finished_and_nothing_new_begins():
    def stop(*_):
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    log = []
    try:
        with (  # noqa: PT012
            pytest.raises(Stopped),
            monitored(2, lambda *counts: log.append(counts[0])) as monitor,
        ):
            assert ray.get(monitor.begin.remote("w"))
            threading.Timer(2.5, lambda: monitor.end.remote("w", "batch", 1)).start()
            os.kill(os.getpid(), signal.SIGTERM)
            started = time.monotonic()
            while time.monotonic() < started + 1.5:
                time.sleep(0.05)
            assert not ray.get(monitor.begin.remote("w")), "something new began after the SIGTERM"
            while time.monotonic() < started + 20:
                time.sleep(0.05)
        assert 2 < time.monotonic() - started < 10
        assert log[-1] == 1, "the batch in flight was not counted"
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, before)
