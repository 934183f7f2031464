"""Disks that are full: by a limit of the process, and a real small one where we may mount it."""

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmkd_ray.artifacts import Folder, disk_error
from mmkd_ray.errors import ArtifactError
from tests.support.pictures import picture
from tests.support.small_disk import small_disk as mounted


@pytest.fixture
def small_disk(tmp_path):
    with mounted(tmp_path / "disk", kib=256) as place:
        yield place


def test_a_full_disk_is_one_line_and_nothing_half_stays(small_disk):
    folder = Folder(f"{small_disk}/runs/a")
    folder.write_bytes("small", b"x" * 1000)
    with pytest.raises(ArtifactError) as raised:
        folder.write_bytes("large", b"x" * 1_000_000)
    assert str(raised.value).startswith(f"storage: no space left for {folder.uri}/large (0.")
    assert str(raised.value).endswith(
        " MiB free): free some, or set storage.path elsewhere; the same command continues"
    )
    assert [path.name for path in Path(folder.path).iterdir()] == ["small"]


def test_a_stage_on_a_full_disk_says_so_on_the_terminal(small_disk, tmp_path):
    """The log, too, is on that disk."""
    rng = np.random.default_rng(0)
    for path in (tmp_path / "images" / name / f"{number}.png" for number in range(8) for name in "ab"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(rng.integers(99)) + rng.bytes(100_000))
    data = [f"data={{source: folder, path: {tmp_path}/images}}", f"storage.path={small_disk}"]
    command = [sys.executable, "-m", "mmkd_ray", "images", "configs/quickstart.yaml", *data]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    line = (ended.stdout + ended.stderr).splitlines()[-1]
    assert line.startswith(f"mmkd: error: storage: no space left for {small_disk}/")
    assert list(small_disk.rglob("*.part")) == []


def test_a_limit_of_the_process_is_one_line_and_nothing_half_stays(tmp_path):
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
from mmkd_ray.artifacts import Folder
try:
    Folder({str(tmp_path)!r}).write_bytes("large", b"x" * 100_000)
except Exception as error:
    print(type(error).__name__, error)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    message = (
        f"ArtifactError storage: the file is larger than this process may write (ulimit -f) for {tmp_path}/large ("
    )
    assert ended.stdout.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_found_among_the_causes():
    wrapped = RuntimeError("a worker died")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device", "/data/x")
    assert str(disk_error(wrapped)).startswith("storage: no space left for /data/x")
    assert disk_error(OSError(errno.EIO, "I/O error")) is None
