import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import validate
from mmkd_ray.data import reading
from mmkd_ray.data.building import UNREADABLE, build_image_table
from mmkd_ray.data.encoded import encoded_images
from mmkd_ray.data.feed.pixels import load_pixels
from mmkd_ray.data.fit import Fit
from mmkd_ray.data.table import check_files, read_splits, require_images
from mmkd_ray.errors import DamagedError, DataError
from tests.support.damage import KINDS, damage
from tests.support.pictures import picture


def config_for(path, *, max_bad_fraction=0.0, **data):
    return validate(
        {
            "name": "t",
            "data": {"source": "folder", "path": str(path), **data},
            "aspects": {"source": "fieldguide"},
            "extract": {"max_bad_fraction": max_bad_fraction},
        }
    )


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    for name in "ab":
        for number in range(10):
            (root / name).mkdir(parents=True, exist_ok=True)
            (root / name / f"{number}.png").write_bytes(picture(number))
    return root


def no_progress(_done, _total):
    pass


def test_rows_have_content_hash_and_label(folder, run):
    record = build_image_table(config_for(folder), run, no_progress)
    rows = read_splits(run).to_pylist()
    assert len(rows) == sum(record["images"].values()) == 20
    assert len({row["image_id"] for row in rows}) == 20
    for row in rows:
        assert row["sha256"] == hashlib.sha256(row["image"]).hexdigest()
        assert record["class_names"][row["label"]] == row["class_name"] == row["image_id"][0]
    assert set(read_splits(run, ["val"], columns=["image_id"])["image_id"].to_pylist()) == {
        row["image_id"] for row in rows if row["split"] == "val"
    }


def test_a_second_call_is_free_and_a_changed_source_is_not(folder, run):
    calls = []
    first = build_image_table(config_for(folder), run, lambda *_: calls.append(1))
    again = build_image_table(config_for(folder), run, lambda *_: calls.append(2))
    assert again == first
    assert 2 not in calls
    (folder / "a" / "0.png").write_bytes(picture(99) + b"x")
    assert build_image_table(config_for(folder), run, no_progress)["digest"] != first["digest"]


def test_a_broken_build_starts_afresh(folder, run):
    class PlugPulledError(Exception):
        pass

    def stop(done, _total):
        if done == 7:
            raise PlugPulledError

    with pytest.raises(PlugPulledError):
        build_image_table(config_for(folder), run, stop)
    build_image_table(config_for(folder), run, no_progress)
    assert read_splits(run).num_rows == 20


def test_bad_images_are_listed_and_too_many_stop_the_run(folder, run):
    (folder / "a" / "bad.png").write_bytes(b"")
    record = build_image_table(config_for(folder, max_bad_fraction=0.1), run, no_progress)
    assert record["quarantined"] == 1
    assert "cannot be read: a/bad.png: not a readable image: the file is empty" in record["told"]
    assert run.images.read_table("quarantine.parquet").to_pylist() == [
        {"path": "a/bad.png", "reason": "not a readable image: the file is empty"}
    ]
    with pytest.raises(DataError, match=r"1 of 21 images cannot be read, more than extract.max_bad_fraction = 0.0"):
        build_image_table(config_for(folder, max_bad_fraction=0.0), run, no_progress)
    listed = run.folder.read_table(UNREADABLE).to_pylist() if run.folder.exists(UNREADABLE) else None
    assert listed is None, "the table that is there lists them"
    run.images.delete()
    with pytest.raises(
        DataError, match=f"1 of 21 images cannot be read.*all are listed in {run.folder.uri}/{UNREADABLE}"
    ):
        build_image_table(config_for(folder, max_bad_fraction=0.0), run, no_progress)
    assert run.images.record() is None
    assert run.folder.read_table(UNREADABLE)["path"].to_pylist() == ["a/bad.png"]
    assert run.shared.child("images").names() == [], "what was written until then has gone"


def test_large_tables_are_cut_into_files(folder, run, monkeypatch):
    monkeypatch.setattr(reading, "MAX_PART_ROWS", 3)
    build_image_table(config_for(folder), run, no_progress)
    assert len(run.images.child("table", "train").names()) > 1
    assert read_splits(run).num_rows == 20


def test_the_field_guide_is_an_image_table_too(run):
    config = validate(
        {
            "name": "t",
            "data": {
                "source": "fieldguide",
                **{f"{split}_per_class": 1 for split in ("train", "val", "test", "shift")},
            },
            "aspects": {"source": "fieldguide"},
        }
    )
    record = build_image_table(config, run, no_progress)
    assert record["images"] == {"train": 24, "val": 24, "test": 24, "shift": 24}
    assert len(record["class_names"]) == 24


def test_another_run_uses_the_table_that_is_there(folder, run, tmp_path):
    calls = []
    first = build_image_table(config_for(folder), run, no_progress)
    other = open_run(str(tmp_path / "runs"), "other")
    assert build_image_table(config_for(folder), other, lambda *_: calls.append(1)) == first
    assert not calls
    assert other.images == run.images


def test_a_run_that_looks_at_other_images_leaves_the_table_to_the_others(folder, run, tmp_path):
    config, changed = config_for(folder), config_for(folder, split_seed=1)
    build_image_table(config, run, no_progress)
    other = open_run(str(tmp_path / "runs"), "other")
    build_image_table(config, other, no_progress)
    build_image_table(changed, run, no_progress)
    assert run.images != other.images
    assert require_images(config, other)["images"]
    assert read_splits(other).num_rows == 20
    build_image_table(config, run, no_progress)
    assert run.images == other.images


def test_two_runs_that_make_the_same_table_at_the_same_time_both_end_with_a_whole_one(folder, run, tmp_path):
    """The second begins when the first is half done; it ends first."""
    other, config, records = open_run(str(tmp_path / "runs"), "other"), config_for(folder), []

    def meanwhile(done, _total):
        if done == 10:
            records.append(build_image_table(config, other, no_progress))

    records.append(build_image_table(config, run, meanwhile))
    assert records[0] == records[1]
    assert run.images == other.images
    assert len(run.shared.child("images").names()) == 1
    assert read_splits(run).num_rows == read_splits(other).num_rows == 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_table_whose_files_are_damaged_is_made_again(folder, run, capsys, kind):
    first = build_image_table(config_for(folder), run, no_progress)
    rows, names = read_splits(run), ("table/train/part-00000.parquet", "quarantine.parquet", "record.json")
    for name in names:
        damage(Path(run.images.path, name), kind)
        again = build_image_table(config_for(folder), run, no_progress)
        assert again["digest"] == first["digest"], "so answers and students stay"
        assert read_splits(run).equals(rows)
        assert (run.images.uri in capsys.readouterr().err) == (name != "record.json" or kind != "gone")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["table", "parts"])
def test_of_a_killed_run_damaged_parts_alone_are_read_again(folder, run, kind, place):
    first = build_image_table(config_for(folder), run, no_progress)
    run.images.delete_file("record.json")
    damage(Path(run.images.path, place, "train", "part-00000.parquet"), kind)
    calls = []
    again = build_image_table(config_for(folder), run, lambda *_: calls.append(1))
    assert len(calls) == first["images"]["train"]
    assert again["digest"] == first["digest"]


def test_a_split_that_is_gone_is_not_taken_for_one_without_images(folder, run):
    build_image_table(config_for(folder), run, no_progress)
    run.images.child("table", "val").delete()
    with pytest.raises(DamagedError, match=r"val/ is damaged \(its tables are gone\): delete .* run `mmkd images"):
        read_splits(run, ["train", "val"])


def test_a_file_that_is_gone_is_not_taken_for_fewer_images(folder, run, monkeypatch):
    monkeypatch.setattr(reading, "MAX_PART_ROWS", 4)
    build_image_table(config_for(folder), run, no_progress)
    run.images.child("table", "train").delete_file("part-00001.parquet")
    with pytest.raises(DamagedError, match=r"split 'train': it has \d+ images in place of \d+"):
        read_splits(run, ["train"])


def test_an_image_whose_bytes_have_changed_is_named(folder, run):
    """In a table without checksums, or changed in memory."""
    build_image_table(config_for(folder), run, no_progress)
    rows = read_splits(run, ["train"])
    assert encoded_images(run, rows) == rows["image"].to_pylist()
    changed = rows.to_pylist()
    changed[3]["image"] = changed[3]["image"][:-1] + bytes([changed[3]["image"][-1] ^ 1])
    part = run.images.child("table", "train")
    part.delete()
    part.write_table("part-00000.parquet", pa.Table.from_pylist(changed, schema=rows.schema))
    for read in (lambda: check_files(run), lambda: load_pixels(run, ["train"], Fit("crop", 4, "bicubic"))):
        with pytest.raises(
            DamagedError, match=rf"image '{changed[3]['image_id']}' has other bytes than it had\): delete"
        ):
            read()
