import hashlib

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import validate
from mmkd_ray.data import reading
from mmkd_ray.data.building import UNREADABLE, build_image_table
from mmkd_ray.data.table import read_splits, require_images
from mmkd_ray.errors import DataError
from tests.unit.data.sources.test_folder import picture


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
