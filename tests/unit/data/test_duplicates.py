"""The same bytes in two places are counted and listed."""

import shutil

import pyarrow as pa
import pytest

from mmkd_ray import schema
from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.duplicates import DUPLICATES, find_duplicates
from mmkd_ray.data.leaks import leak_lines, list_leaks
from mmkd_ray.errors import DataError
from tests.support.pictures import fill_tree
from tests.support.tables import image_row


def config_of(root):
    data = {"source": "folder", "path": str(root)}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.fixture
def root(tmp_path):
    fill_tree(tmp_path / "tree", [f"{split}/{name}" for split in ("train", "val", "test") for name in "ab"])
    return tmp_path / "tree"


def test_none_is_none(root, run):
    record = build_image_table(config_of(root), run, lambda *_: None)
    assert record["duplicates"] == {"across_splits": 0, "across_classes": 0, "in_train": {"test": 0, "val": 0}}
    assert leak_lines(record, run.images) == []
    assert run.images.read_table(DUPLICATES).num_rows == 0


def test_the_same_bytes_in_two_splits_or_classes_are_counted_listed_and_told(root, run):
    shutil.copy(root / "train/a/0.png", root / "test/a/copy.png")
    shutil.copy(root / "train/a/1.png", root / "train/b/copy.png")
    shutil.copy(root / "train/a/2.png", root / "train/a/copy.png")  # of no consequence
    record = build_image_table(config_of(root), run, lambda *_: None)
    assert (
        run.images.record()["duplicates"]
        == record["duplicates"]
        == {
            "across_splits": 1,
            "across_classes": 1,
            "in_train": {"test": 1, "val": 0},
        }
    )
    listed = {row["image_id"] for row in run.images.read_table(DUPLICATES).to_pylist()}
    assert listed == {"train/a/0.png", "test/a/copy.png", "train/a/1.png", "train/b/copy.png"}
    counted = "1 picture is in more than one split, byte for byte (1 of 11 test images in train)"
    assert any(line.startswith(counted) for line in record["told"])
    assert any(line.startswith("1 picture is in more than one class") for line in record["told"])
    assert build_image_table(config_of(root), run, lambda *_: None)["told"] == record["told"], "on a rerun, too"


def test_hashes_that_only_begin_alike_are_of_different_images(run):
    """The first bytes of hashes alone are held of all images."""
    for split, end in (("train", "0"), ("train", "1"), ("test", "2"), ("test", "1")):
        row = image_row(f"{split}-{end}.png", b"", label=0, class_name="a", split=split) | {
            "sha256": "ab" * 31 + f"0{end}"
        }
        place = run.images.child("table", split)
        place.write_table(f"part-{end}.parquet", pa.Table.from_pylist([row], schema=schema.IMAGES))
    found = list_leaks(run.images, ["train", "test"], has_objects=False)
    assert found == {"duplicates": {"across_splits": 1, "across_classes": 0, "in_train": {"test": 1}}}
    listed = run.images.read_table(DUPLICATES)["image_id"].to_pylist()
    assert listed == ["test-1.png", "train-1.png"]


def test_an_empty_table_has_none():
    columns = ("sha256", "image_id", "split", "class_name")
    assert find_duplicates(pa.table({name: pa.array([], pa.string()) for name in columns}))[0] == {
        "across_splits": 0,
        "across_classes": 0,
    }


@pytest.mark.parametrize(("count", "lacking"), [(1, "no validation and no test images"), (2, "no validation images")])
def test_splits_that_cannot_be_measured_are_refused_with_what_is_needed(tmp_path, run, count, lacking):
    fill_tree(tmp_path / "few", ["a", "b"], count=count)
    with pytest.raises(DataError, match=f"{lacking}.*three readable images or more"):
        build_image_table(config_of(tmp_path / "few"), run, lambda *_: None)
    assert run.images.record() is None


def test_three_images_a_class_can_be_measured(tmp_path, run):
    fill_tree(tmp_path / "few", ["a", "b"], count=3)
    assert build_image_table(config_of(tmp_path / "few"), run, lambda *_: None)["images"] == {
        "test": 2,
        "train": 2,
        "val": 2,
    }
