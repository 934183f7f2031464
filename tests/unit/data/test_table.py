import hashlib

import pytest

from mmkd_ray.config import validate
from mmkd_ray.data import table as table_module
from mmkd_ray.data.table import build_image_table, read_splits
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
    run.images.delete()
    with pytest.raises(DataError, match="1 of 21 images cannot be read"):
        build_image_table(config_for(folder, max_bad_fraction=0.0), run, no_progress)
    assert run.images.record() is None


def test_large_tables_are_cut_into_files(folder, run, monkeypatch):
    monkeypatch.setattr(table_module, "MAX_FILE_ROWS", 3)
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
