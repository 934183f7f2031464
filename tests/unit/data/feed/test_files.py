"""Decoded images are one file of a machine: whole, shared, and made again where it is not."""

import ctypes
import mmap
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from mmkd_ray.artifacts import open_run
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.feed import files
from mmkd_ray.data.feed.files import cache_folder, cached_files, image_file
from mmkd_ray.data.feed.pictures import mapped
from mmkd_ray.data.fit import Fit
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import DamagedError, DataError, NoRoomError
from tests.support.pictures import picture
from tests.support.tables import image_row, write_image_table
from tests.unit.data.test_building import config_for

ROWS = [
    image_row(f"{split}/{n}", picture(n), label=n % 2, class_name="ab"[n % 2], split=split)
    for split, numbers in (("train", range(20)), ("val", range(20, 30)))
    for n in numbers
]
FIT = Fit("crop", 8, "bicubic")


def decoded(run, splits, count, fit=FIT):
    return mapped(run, splits, count, fit).squares().numpy()


@pytest.fixture
def filled(run, tmp_path, monkeypatch):
    """A run with thirty images; decoded ones are kept in a folder of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "machine"))
    write_image_table(config_for(tmp_path), run, ROWS, ["a", "b"])
    return run


def test_every_image_is_as_it_is_when_it_is_decoded_alone(filled):
    found = decoded(filled, ["val", "train"], 30)
    alone = [FIT(decode_rgb(image)) for image in read_splits(filled, ["val", "train"])["image"].to_pylist()]
    assert np.array_equal(found.transpose(0, 2, 3, 1), np.stack(alone))


def test_the_file_is_made_once_and_changes_of_a_process_are_its_own(filled):
    first = decoded(filled, ["train"], 20)
    (file,) = cached_files()
    made = file.stat().st_ino, file.read_bytes()
    first[:] = 7
    again = decoded(filled, ["train"], 20)
    assert (file.stat().st_ino, file.read_bytes()) == made
    assert again.tobytes() == made[1][: 20 * 3 * 64]
    assert len(decoded(filled, ["train"], 20, Fit("crop", 8, "nearest"))) == 20
    assert decoded(filled, ["val"], 10).shape == (10, 3, 8, 8)
    assert len(cached_files()) == 3


def test_other_images_are_another_file(filled, tmp_path):
    other = open_run(str(tmp_path / "runs"), "other")
    write_image_table(config_for(tmp_path).model_copy(update={"name": "other"}), other, ROWS[1:], ["a", "b"])
    assert len(decoded(filled, ["train"], 20)) == 1 + len(decoded(other, ["train"], 19))


def test_a_file_that_a_killed_process_left_half_is_made_again(filled, tmp_path):
    script = """
import os, pickle, signal, sys, tempfile
tempfile.tempdir = sys.argv[2]
from mmkd_ray.data.feed import pictures
from mmkd_ray.data.fit import Fit
run = pickle.load(open(sys.argv[1], "rb"))
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
pictures.decode_rgb = die
pictures.mapped(run, ["train"], 20, Fit("crop", 8, "bicubic"))
"""
    (tmp_path / "run").write_bytes(pickle.dumps(filled))
    died = subprocess.run([sys.executable, "-c", script, tmp_path / "run", tmp_path / "machine"], check=False)
    assert died.returncode == -signal.SIGKILL
    assert [file.suffix for file in cached_files()] == [".part"]
    assert len(decoded(filled, ["train"], 20)) == 20
    assert [file.suffix for file in cached_files()] == [".u8"]


def test_a_damaged_image_is_named_and_leaves_no_file(filled):
    folder = filled.images.child("table", "val")
    table = folder.read_table("part-00000.parquet")
    hashes = table["sha256"].to_pylist()
    hashes[3] = hashes[4]
    folder.write_table(
        "part-00000.parquet", table.set_column(table.schema.get_field_index("sha256"), "sha256", [hashes])
    )
    with pytest.raises(DamagedError, match="image 'val/23' has other bytes"):
        decoded(filled, ["val"], 10)
    assert cached_files() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(filled):
    cache_folder().parent.mkdir(parents=True)
    os.chown(cache_folder().parent, 65_534, 65_534)
    with pytest.raises(DataError, match="belongs to another user: set TMPDIR to a folder of your own"):
        decoded(filled, ["val"], 10)


FULL = """
import pickle, resource, sys, tempfile
tempfile.tempdir = sys.argv[2]
from mmkd_ray.data.feed.pictures import mapped
from mmkd_ray.data.fit import Fit
from mmkd_ray.errors import DataError
run = pickle.load(open(sys.argv[1], "rb"))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    mapped(run, ["train"], 20, Fit("crop", 8, "bicubic"))
except DataError as error:
    print(error)
"""


def test_a_file_that_the_disk_does_not_hold_is_refused(filled, tmp_path):
    (tmp_path / "run").write_bytes(pickle.dumps(filled))
    command = [sys.executable, "-c", FULL, str(tmp_path / "run"), str(tmp_path / "machine")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "decoded images take 0.00 GiB" in told
    assert "set TMPDIR to a folder on a larger disk" in told
    assert cached_files() == []


def test_room_is_made_by_what_was_not_used_for_longest(filled, monkeypatch):
    decoded(filled, ["train"], 20)
    decoded(filled, ["val"], 10)
    os.utime(cached_files()[1], (1, 1))  # of val
    oldest, newer = cached_files()
    size = oldest.stat().st_size
    assert size == 10 * (3 * 64 + 24)
    monkeypatch.setattr("mmkd_ray.data.feed.files._free", lambda *_: 1000 if oldest.exists() else 10**9)
    decoded(filled, ["train"], 20, Fit("crop", 9, "bicubic"))
    assert not oldest.exists()
    assert newer.exists()


def proportional(place, path, size):
    """KiB that a process takes of the decoded images, shared pages counted in parts, while both hold them."""
    tempfile.tempdir = path
    barrier = _kept[0]
    run = pickle.loads(Path(place).read_bytes())
    images = decoded(run, ["train"], 20, Fit("crop", size, "bicubic"))
    total = int(images.sum())
    barrier.wait(60)
    lines = Path("/proc/self/smaps").read_text().splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.endswith(".u8")]
    taken = next(int(line.split()[1]) for line in lines[start:] if line.startswith("Pss:"))
    barrier.wait(60)
    return total, taken


_kept = []


def keep(shared):
    _kept.append(shared)


def test_two_processes_hold_the_pixels_once(filled, tmp_path):
    (tmp_path / "run").write_bytes(pickle.dumps(filled))
    context, size = multiprocessing.get_context("spawn"), 300
    with ProcessPoolExecutor(2, context, initializer=keep, initargs=(context.Barrier(2),)) as pool:
        work = [pool.submit(proportional, tmp_path / "run", str(tmp_path / "machine"), size) for _ in range(2)]
        (first, one), (second, two) = [done.result() for done in work]
    assert first == second > 0
    whole = 20 * 3 * size**2 / 1024
    assert one + two == pytest.approx(whole, rel=0.05)


def test_expected_pictures_are_read_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    content = np.random.default_rng(0).integers(0, 256, 4 * 2**20, dtype=np.uint8).data
    file = image_file("large.u8", 16, lambda: [[(content, 1, 1)] * 16], what="pictures")

    def in_memory():
        """Rows whose first page the kernel holds."""
        pages = (ctypes.c_ubyte * (16 * len(content) // mmap.PAGESIZE))()
        address = ctypes.c_void_p(file.content.ctypes.data)
        assert ctypes.CDLL(None, use_errno=True).mincore(address, ctypes.c_size_t(16 * len(content)), pages) == 0
        return {row for row in range(16) if pages[row * len(content) // mmap.PAGESIZE] & 1}

    with file.path.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if in_memory() - {15}:  # behind the last is the index, which has been read
        pytest.skip("this disk is kept in memory")
    file.expect([4, 12])
    deadline = time.monotonic() + 10
    while not in_memory() >= {4, 12} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert in_memory() - {15} == {4, 12}


def test_a_file_that_another_process_renames_meanwhile_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache_folder().mkdir(parents=True)
    (cache_folder() / "a.u8.part").symlink_to(
        cache_folder() / "gone"
    )  # is listed, and is not there when it is looked at
    (cache_folder() / "b.u8").write_bytes(b"b")
    assert [file.name for file in cached_files()] == ["b.u8"]


def test_what_another_process_is_writing_makes_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(files, "_free", lambda *_: 0)
    cache_folder().mkdir(parents=True)
    for name in ("written.u8.part", "of a killed one.u8.part", "old.u8"):
        (cache_folder() / name).write_bytes(b"1")
    with FileLock(cache_folder() / "written.u8.lock"), pytest.raises(NoRoomError):
        image_file("new.u8", 1, lambda: [[(b"123", 1, 1)]], what="pictures")
    assert [file.name for file in cached_files()] == ["written.u8.part"]
