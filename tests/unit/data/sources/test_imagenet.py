"""ImageNet-1k in small: classes by name, and the four ways in which the classes of `val/` are known."""

import shutil

import pytest

from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ConfigError, DataError
from tests.support import published_layouts as published

WAYS = ["folders", "devkit", "archive", "solution"]


def config_of(root, **settings):
    data = {"source": "imagenet", "path": str(root), **settings}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.mark.parametrize("way", WAYS)
def test_val_is_the_test_and_validation_is_taken_from_train(tmp_path, run, way):
    published.imagenet(tmp_path / "set", way)
    record = build_image_table(config_of(tmp_path / "set", val_fraction=0.25), run, lambda *_: None)
    # The names of two classes are "crane": they keep their numbers.
    assert record["class_names"] == ["tench", "goldfish", "n02012849", "n03126707"]
    assert record["images"] == {"train": 24, "val": 8, "test": 8}
    rows = {row["image_id"].rpartition("/")[2]: row for row in read_splits(run).to_pylist()}
    for place in range(1, 9):
        row = rows[f"ILSVRC2012_val_{place:08d}.JPEG"]
        assert (row["label"], row["split"]) == (place * 3 % 4, "test")
    assert rows["n01443537_0.JPEG"]["class_name"] == "goldfish"
    assert {row["class_name"] for row in rows.values() if row["split"] == "val"} == set(record["class_names"])


def test_a_part_of_the_classes_is_a_data_set(tmp_path):
    published.imagenet(tmp_path, "devkit")
    shutil.rmtree(tmp_path / "train" / "n03126707")
    source = open_source(config_of(tmp_path))
    assert source.class_names == ("tench", "goldfish", "crane")
    assert "left out of val/: 2 images of 1 classes that are not in train/" in source.describe()
    assert sum(item.split == "test" for item in source.items()) == 6


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("train", r"has no folder train/; expected .*train/WNID/\*.JPEG and"),
        ("val", r"has no folder val/"),
        ("ILSVRC2012_devkit_t12", r"val/ has images outside of folders, and no list says their classes; expected"),
    ],
)
def test_what_is_missing_is_one_line(tmp_path, removed, message):
    published.imagenet(tmp_path, "devkit")
    shutil.rmtree(tmp_path / removed)
    with pytest.raises(DataError, match=message) as refusal:
        open_source(config_of(tmp_path))
    assert "\n" not in str(refusal.value)


def test_an_unknown_validation_image_and_a_broken_devkit_are_one_line(tmp_path):
    published.imagenet(tmp_path, "devkit")
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").rename(tmp_path / "val" / "ILSVRC2012_val_00000099.JPEG")
    with pytest.raises(DataError, match=r"val_00000099.JPEG' is not in the list of validation images"):
        open_source(config_of(tmp_path))
    (tmp_path / "ILSVRC2012_devkit_t12" / "data" / "meta.mat").write_bytes(b"no matrix, but text of some length" * 9)
    with pytest.raises(DataError, match=r"ILSVRC2012_devkit_t12 cannot be read \(.*\); expected"):
        open_source(config_of(tmp_path))


def test_other_folders_are_one_line(tmp_path):
    for name in ("train/cats/1.jpg", "val/cats/1.jpg"):
        published.put(tmp_path / name, next(published.pictures()))
    with pytest.raises(DataError, match=r"has no folders such as n01440764"):
        open_source(config_of(tmp_path))


def test_shift_sets_lie_beside_it_with_folders_named_by_wordnet_ids_or_class_numbers(tmp_path):
    published.imagenet(tmp_path / "set", "folders")
    image = published.pictures()
    # -A has classes that this part of ImageNet lacks. In timm, class 0 is tench, 1 goldfish, 999 none of this part.
    for name in (
        "a/n01443537/1.jpg",
        "a/n01498041/1.jpg",
        "elsewhere/0/1.jpeg",
        "elsewhere/1/1.jpeg",
        "elsewhere/999/1.jpeg",
    ):
        published.put(tmp_path / "set" / name if name.startswith("a") else tmp_path / name, next(image))
    (tmp_path / "set" / "v2").symlink_to(tmp_path / "elsewhere")
    source = open_source(config_of(tmp_path / "set", shift_sets=["a", "v2"]))
    shifted = {item.image_id: (item.split, item.class_name) for item in source.items() if item.split in ("a", "v2")}
    assert shifted == {
        "a/n01443537/1.jpg": ("a", "goldfish"), "v2/0/1.jpeg": ("v2", "tench"), "v2/1/1.jpeg": ("v2", "goldfish"),
    }  # fmt: skip
    said = source.describe()
    assert "v2/ is a shift set of 2 of the classes" in said
    assert "left out of a/: 1 images of 1 classes that are not in train/" in said


def test_a_shift_set_that_is_none_is_one_line(tmp_path):
    published.imagenet(tmp_path, "folders")
    with pytest.raises(DataError, match=r"has no folder imagenet-a/; expected .*imagenet-a/WNID/"):
        open_source(config_of(tmp_path, shift_sets=["imagenet-a"]))
    published.put(tmp_path / "imagenet-a" / "cats" / "1.jpg", next(published.pictures()))
    with pytest.raises(DataError, match=r"imagenet-a' has no folders such as n01440764 or 0"):
        open_source(config_of(tmp_path, shift_sets=["imagenet-a"]))
    with pytest.raises(ConfigError, match="give the name of a folder beside train/ and val/"):
        config_of(tmp_path, shift_sets=["../imagenet-a"])
