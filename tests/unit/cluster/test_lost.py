import signal
import socket
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmkd_ray.cluster.lost import ended_when_lost, leaving_when_lost
from mmkd_ray.errors import ClusterError


@contextmanager
def processes():
    """Two listeners in the places of a raylet and a control service, and what Ray would say of them."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX) as raylet,
        socket.create_server(("127.0.0.1", 0)) as gcs,
    ):
        path = str(Path(folder) / "raylet")
        raylet.bind(path)
        raylet.listen(100)
        yield raylet, gcs, {"raylet_socket_name": path, "gcs_address": f"127.0.0.1:{gcs.getsockname()[1]}"}


def wait(seconds):
    """Wait as a stage does, in the main thread."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.parametrize(("lost", "name"), [("raylet", "raylet of this machine"), ("gcs", "control service")])
def test_a_process_that_refuses_connections_ends_the_block_with_one_line(lost, name):
    before, started = signal.getsignal(signal.SIGUSR2), time.monotonic()
    with (  # noqa: PT012
        processes() as (raylet, gcs, info),
        pytest.raises(ClusterError, match=rf"is gone \(the {name}.* the same command continues$"),
        ended_when_lost(info, private=True),
    ):
        {"raylet": raylet, "gcs": gcs}[lost].close()
        wait(30)
    assert time.monotonic() - started < 2, "Ray would have ended the process before, without a word"
    assert signal.getsignal(signal.SIGUSR2) is before


def test_the_head_of_a_named_cluster_may_be_away_for_a_moment():
    with processes() as (_, gcs, info), ended_when_lost(info, private=False):
        port = gcs.getsockname()[1]
        gcs.close()
        wait(3.5)
        with socket.create_server(("127.0.0.1", port)):
            wait(1.5)


def test_a_silent_exit_of_rays_is_an_error_that_says_so():
    with (
        processes() as (_, _, info),
        pytest.raises(ClusterError, match="the Ray cluster is gone"),
        ended_when_lost(info, private=True),
    ):
        raise SystemExit(1)


def test_other_errors_and_a_users_interrupt_stay_as_they_are():
    for error in (KeyboardInterrupt, ValueError):
        with processes() as (_, _, info), pytest.raises(error), ended_when_lost(info, private=True):
            raise error


def test_a_command_leaves_before_it_asks_ray_for_anything_else():
    said = []
    with (  # noqa: PT012
        processes() as (raylet, _, info),
        pytest.raises(ClusterError, match="is gone"),
        leaving_when_lost(said.append),
        ended_when_lost(info, private=True),
    ):
        raylet.close()
        wait(30)
    assert ["the raylet of this machine has ended" in str(error) for error in said] == [True]
