"""Tables that hold images, and tables that hold where they lie."""

import json
import os
from itertools import islice

import fsspec
import pyarrow as pa
import pytest

from mmkd_ray import schema
from mmkd_ray.answers.identity import table_identity, what_is_asked
from mmkd_ray.artifacts import open_run
from mmkd_ray.config import validate
from mmkd_ray.data import reading
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.encoded import encoded_images
from mmkd_ray.data.feed.pixels import load_pixels
from mmkd_ray.data.fit import Fit
from mmkd_ray.data.subjects import IMAGES, first_pictures
from mmkd_ray.data.table import check_files, read_splits, require_images, spread_images
from mmkd_ray.errors import DataError
from mmkd_ray.integrity import examine
from mmkd_ray.report.gallery import read_images
from mmkd_ray.study.students import list_students
from tests.support.pictures import SPLIT_FOLDERS, fill_tree, picture
from tests.support.same_pictures import WAYS
from tests.support.tables import image_row
from tests.unit.data.test_building import config_for, no_progress

FIT = Fit("crop", 4, "bicubic")
OF_FILES = ["folder", "table as CSV", "table as JSONL", "table as Parquet", "Parquet with paths"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_PART_ROWS", 5)
    fill_tree(tmp_path / "images", [f"{folder} %?#" for folder in SPLIT_FOLDERS], count=6)
    return tmp_path / "images"


@pytest.fixture
def by_path(folder, run):
    config = config_for(folder, store="path")
    build_image_table(config, run, no_progress)
    return config


def keys(config, run):
    """What answers and students are found by."""
    asked = what_is_asked(config, run, require_images(config, run))
    run.teacher.finish("teacher", asked=asked)
    return [table_identity(config, asked).key, *(student.identity for student in list_students(config, run))]


def test_answers_and_students_are_found_again_however_images_are_stored(by_path, folder, run, tmp_path):
    other, config = open_run(str(tmp_path / "elsewhere"), "test"), config_for(folder)
    whole = build_image_table(config, other, no_progress)
    assert {**(run.images.record() or {}), "told": 0, "fingerprint": 0} == {**whole, "told": 0, "fingerprint": 0}
    assert keys(by_path, run) == keys(config, other)
    places, rows = read_splits(run), read_splits(other)
    assert places.drop(["image"]).equals(rows.drop(["image"]))
    assert places["image"][0].as_py() == {
        "folder": f"{folder}/", "path": "test/a %?#/0.png", "size": (folder / "test/a %?#/0.png").stat().st_size
    }  # fmt: skip
    assert encoded_images(run, places) == rows["image"].to_pylist() == encoded_images(other, rows)
    assert first_pictures(run, IMAGES, "train", 7) == first_pictures(other, IMAGES, "train", 7)
    assert spread_images(run, "train", 7) == spread_images(other, "train", 7)
    pixels, same = load_pixels(run, ["train"], FIT), load_pixels(other, ["train"], FIT)
    assert pixels.images_M3SS.equal(same.images_M3SS)
    name = "train/b %?#/5.png"
    assert read_images(run, [name]) == read_images(other, [name])


def test_some_images_of_a_split_come_from_all_over_it(folder, run):
    build_image_table(config_for(folder), run, no_progress)
    ids = read_splits(run, ["train"])["image_id"].to_pylist()
    some, images = spread_images(run, "train", 5)
    assert len(some) == len(images) == 5
    assert {image_id.split("/")[1] for image_id in some} == {"a %?#", "b %?#"}
    assert spread_images(run, "train", 100)[0] == ids
    assert spread_images(run, "shift", 5) == ([], [])


@pytest.mark.parametrize("count", [1, 6, 9, 10])
def test_as_many_images_are_taken_as_are_wanted_however_files_share_them(run, count):
    sizes, made = (5, 1, 4), iter(range(10))
    for part, size in enumerate(sizes):
        rows = [
            image_row(f"{number}.png", picture(number), label=0, class_name="a", split="test")
            for number in islice(made, size)
        ]
        table = pa.Table.from_pylist(rows, schema=schema.IMAGES)
        run.refer_to_images("i").child("table", "test").write_table(f"part-{part:05d}.parquet", table)
    ids, images = spread_images(run, "test", count)
    assert len(set(ids)) == count
    assert images == [picture(int(image_id.removesuffix(".png"))) for image_id in ids]


def test_a_file_that_is_gone_or_another_is_named_whoever_reads_it(by_path, folder, run):
    assert next(one for one in examine(run) if one.name == "images").text.startswith("36 images")
    file = folder / "train/b %?#/3.png"
    times, encoded = file.stat(), file.read_bytes()
    file.write_bytes(encoded[:-1] + b"?")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    for read in (lambda: check_files(run), lambda: load_pixels(run, ["train"], FIT)):
        with pytest.raises(
            DataError, match=r"train/b %\?#/3.png': it is another than .*: put it back, or run `mmkd im"
        ):
            read()
    (finding,) = [one for one in examine(run) if not one.is_whole]
    assert "train/b %?#/3.png" in finding.text
    file.unlink()
    with pytest.raises(DataError, match=r"train/b %\?#/3.png': cannot be read: No such file or directory; with data"):
        check_files(run)
    file.write_bytes(encoded)
    check_files(run)


def test_what_has_not_changed_is_not_read_again_whichever_way_it_was_stored(by_path, folder, run):
    """Shown by a file whose content changes behind an unchanged size and time: its hash stays."""
    before, hidden = read_splits(run), folder / "train/a %?#/3.png"
    times, encoded = hidden.stat(), hidden.read_bytes()
    hidden.write_bytes(bytes(len(encoded)))
    os.utime(hidden, ns=(times.st_atime_ns, times.st_mtime_ns))
    (folder / "val/b %?#/2.png").unlink()
    record = build_image_table(by_path, run, no_progress)
    assert (record["images"]["val"], record["quarantined"]) == (11, 0)
    assert set(read_splits(run)["sha256"].to_pylist()) < set(before["sha256"].to_pylist())
    hidden.write_bytes(encoded)
    os.utime(hidden, ns=(times.st_atime_ns, times.st_mtime_ns))
    config = config_for(folder)
    assert build_image_table(config, run, no_progress)["digest"] == record["digest"]
    rows = read_splits(run)
    assert rows["image"].to_pylist() == encoded_images(run, rows), "now with all bytes"
    assert build_image_table(by_path, run, no_progress)["digest"] == record["digest"]
    check_files(run)


def test_pictures_that_lie_elsewhere_now_make_a_table_of_their_own(by_path, folder, run):
    """The old one would lead to files that are not there any more."""
    moved = folder.rename(folder.with_name("moved"))
    build_image_table(config_for(moved, store="path"), run, no_progress)
    check_files(run)


def test_a_jobs_own_folder_is_no_place_to_refer_to(folder, run, monkeypatch):
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    with pytest.raises(DataError, match=r"data.store: path cannot refer to files in .*/images/, a Ray job"):
        build_image_table(config_for("images", store="path"), run, no_progress)
    build_image_table(config_for("images"), run, no_progress)


def test_places_on_any_file_system(folder, run):
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/birds %", recursive=True)
    try:
        build_image_table(config_for("fsspec+memory:///birds %", store="path"), run, no_progress)
        check_files(run)
        memory.rm("/birds %/val/a %?#/2.png")
        with pytest.raises(DataError, match=r"^'fsspec\+memory:///birds %/val/a %\?#/2.png': cannot be read"):
            check_files(run)
    finally:
        memory.rm("/birds %", recursive=True)


@pytest.mark.parametrize("way", [way for way in WAYS if "hub" not in way and way != "save_to_disk"])
def test_only_images_that_are_files_have_a_place(tmp_path, run, way):
    data = {**WAYS[way](tmp_path / "pictures"), "store": "path"}
    config = validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})
    if way in OF_FILES:
        build_image_table(config, run, no_progress)
        check_files(run)
        assert json.dumps(read_splits(run)["image"].to_pylist())
    else:
        with pytest.raises(DataError, match=r"^data.store: path needs images that are files of their own; here those"):
            build_image_table(config, run, no_progress)
