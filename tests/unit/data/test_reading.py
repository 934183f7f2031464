import os
import signal
import subprocess
import sys

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.data import reading
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.reading import MAX_PART_ROWS, PARTS, cut_into_parts, here
from mmkd_ray.data.sources.base import Item
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import DataError
from tests.support.pictures import SPLIT_FOLDERS, fill_tree, picture
from tests.unit.data.test_building import config_for, no_progress


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Sixty images; parts have five."""
    monkeypatch.setattr(reading, "MAX_PART_ROWS", 5)
    fill_tree(tmp_path / "images", SPLIT_FOLDERS, count=10)
    return tmp_path / "images"


def test_a_part_has_images_of_one_split_and_ends_by_number_or_size():
    splits = ["train", "test", "train"] * 300
    items = [Item(f"{n}", 0, "a", split) for n, split in enumerate(splits)]
    parts = list(cut_into_parts(items))
    assert sorted((part.split, part.number, len(part.items)) for part in parts) == [
        ("test", 0, 256), ("test", 1, 44), ("train", 0, 256), ("train", 1, 256), ("train", 2, 88),
    ]  # fmt: skip
    assert sorted(place for part in parts for place in part.places) == list(range(900))
    assert all(items[place] is item for part in parts for place, item in zip(part.places, part.items, strict=True))
    large = [Item(f"{n}", 0, "a", "train", size=2**24) for n in range(10)]
    assert [len(part.items) for part in cut_into_parts(large)] == [4, 4, 2]
    assert MAX_PART_ROWS == 256


def test_who_reads_the_parts_and_in_which_order_changes_nothing(folder, run, tmp_path):
    def backwards(read, parts, tick):
        here(read, list(parts)[::-1], tick)

    first = build_image_table(config_for(folder), run, no_progress)
    other = open_run(str(tmp_path / "elsewhere"), "test")
    again = build_image_table(config_for(folder), other, no_progress, backwards)
    assert {**again, "told": first["told"]} == first
    assert read_splits(other).equals(read_splits(run))


def test_what_a_killed_process_has_read_is_not_read_again(folder, run):
    script = """
import os, signal, sys
from mmkd_ray.artifacts import open_run
from mmkd_ray.data import reading
from mmkd_ray.data.building import build_image_table
from tests.unit.data.test_building import config_for

def die(done, total):
    if done == 33:
        os.kill(os.getpid(), signal.SIGKILL)

reading.MAX_PART_ROWS = 5
build_image_table(config_for(sys.argv[1]), open_run(sys.argv[2], "test"), die)
"""
    storage = run.folder.uri.rpartition("/")[0]
    died = subprocess.run([sys.executable, "-c", script, str(folder), storage], check=False)
    assert died.returncode == -signal.SIGKILL
    seen = []
    record = build_image_table(config_for(folder), run, lambda done, total: seen.append((done, total)))
    assert seen[0] == (31, 60), "six parts were whole"
    assert len(seen) == 30
    assert record["images"] == {"test": 20, "train": 20, "val": 20}
    other = open_run(f"{storage}/unbroken", "test")
    assert build_image_table(config_for(folder), other, no_progress)["digest"] == record["digest"]
    assert read_splits(other).equals(read_splits(run))


def test_files_that_have_not_changed_are_not_read_again(folder, run):
    """Shown by a file whose content changes behind an unchanged size and time: the stored picture stays."""
    build_image_table(config_for(folder), run, no_progress)
    before = {row["image_id"]: row["image"] for row in read_splits(run).to_pylist()}
    hidden, changed = folder / "train/a/3.png", folder / "train/b/4.png"
    times, size = hidden.stat(), hidden.stat().st_size
    hidden.write_bytes(bytes(size))
    os.utime(hidden, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed.write_bytes(picture(77))
    (folder / "val/b/2.png").unlink()
    (folder / "train/a/0a.png").write_bytes(picture(78))
    record = build_image_table(config_for(folder), run, no_progress)
    after = {row["image_id"]: row["image"] for row in read_splits(run).to_pylist()}
    assert record["images"] == {"test": 20, "train": 21, "val": 19}
    assert after.pop("train/a/0a.png") == picture(78)
    assert after.pop("train/b/4.png") == picture(77)
    assert before.pop("val/b/2.png")
    assert before.pop("train/b/4.png")
    assert after == before
    assert run.images.child(PARTS, "train").read_table()["image_id"].to_pylist()[:2] == [
        "train/a/0.png", "train/a/0a.png",
    ]  # fmt: skip


def test_with_other_settings_everything_is_read_again(folder, run):
    build_image_table(config_for(folder), run, no_progress)
    with pytest.raises(DataError, match="60 of 60 images cannot be read"):
        build_image_table(config_for(folder, max_pixels=10), run, no_progress)
