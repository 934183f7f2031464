import socket
import tempfile
from pathlib import Path

import pytest

from mmkd_ray.cluster import session
from mmkd_ray.cluster.session import is_short, session_folder
from mmkd_ray.errors import ClusterError


@pytest.fixture
def long_folder(tmp_path, monkeypatch):
    """The temporary folder that a cluster's scheduler may set."""
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    return folder


def test_ray_chooses_where_the_path_is_short(monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    assert session_folder() is None


def test_a_short_folder_is_chosen_in_place_of_a_long_one(long_folder):
    chosen = session_folder()
    assert chosen
    assert is_short(Path(chosen).parent)


def test_where_there_is_no_short_one_the_error_says_what_to_set(long_folder, monkeypatch):
    monkeypatch.setattr(session, "_SHORT", Path("/proc/none"))
    with pytest.raises(ClusterError, match=r"bytes; accepted are \d+: set RAY_TMPDIR"):
        session_folder()


def test_the_longest_accepted_folder_takes_rays_sockets():
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        folder = Path(base)
        while is_short(folder / "x"):
            folder /= "x"
        path = Path(f"{folder}/ray{session._SOCKET}")
        path.parent.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
