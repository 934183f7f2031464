"""How folders are read: what is a split, what is a class, and what is refused."""

import pytest

from mmkd_ray.config import FolderData
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.data.sources.layout import split_of
from mmkd_ray.errors import DataError
from tests.support.pictures import fill_tree


def source_of(root, folders, **settings):
    fill_tree(root, folders)
    return FolderSource(FolderData(source="folder", path=str(root), **settings))


def splits_of(source):
    return {file.found.path.split("/")[0]: file.split for file in source._files}


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        ("train valid test", {"train": "train", "valid": "val", "test": "test"}),
        ("Train Test", {"Train": "train", "Test": "test"}),
        ("training testing", {"training": "train", "testing": "test"}),
        ("train_set test_set", {"train_set": "train", "test_set": "test"}),
        ("trainval test", {"trainval": "train", "test": "test"}),
        ("train2017 val2017", {"train2017": "train", "val2017": "val"}),
        ("images_train images_test1", {"images_train": "train", "images_test1": "test"}),
        ("TRAIN dev eval", {"TRAIN": "train", "dev": "val", "eval": "test"}),
        (
            "Training-Data validation test_images",
            {"Training-Data": "train", "validation": "val", "test_images": "test"},
        ),
        (
            "train test test_snow sketch",
            {"train": "train", "test": "test", "test_snow": "test_snow", "sketch": "sketch"},
        ),
    ],
)
def test_words_for_splits_mean_what_they_say(tmp_path, folders, splits):
    source = source_of(tmp_path, [f"{folder}/{name}" for folder in folders.split() for name in "ab"])
    assert source.class_names == ("a", "b")
    read = splits_of(source)
    cut_from_train = {"train", "val", "test"}
    for folder, split in splits.items():
        assert read[folder] == split or (split == "train" and read[folder] in cut_from_train)
    assert source.describe()[0].startswith("read as SPLIT/CLASS/IMAGE: ")
    assert all(f"{folder}/ is " in source.describe()[0] for folder in splits)


def test_a_validation_split_that_is_there_is_not_cut_from_train_again(tmp_path):
    source = source_of(tmp_path, [f"{folder}/{name}" for folder in ("train", "valid", "test") for name in "ab"])
    assert {file.split for file in source._files if file.found.path.startswith("train/")} == {"train"}


@pytest.mark.parametrize(
    "name", ["trains", "contest", "validated", "devil", "evaluator", "test_snow", "dataset", "set", "2017", "testnée"]
)
def test_other_words_are_no_splits(name):
    assert split_of(name) is None


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (
            ["train", "bus", "plane"],
            r"train/ may be a split or a class: it lies beside bus/, plane/.*rename what is a class",
        ),
        (["test", "control"], r"test/ may be a split or a class: it lies beside control/"),
        (
            ["train/steam", "train/diesel", "bus", "plane"],
            r"train/ may be a split or a class.*bus/, plane/ hold images",
        ),
        (["train/a", "train/b", "val/a", "valid/a"], r"val/, valid/ all mean 'val'; keep one"),
        (["train/a", "train/b", "val/a", "trainval/a"], r"train/, trainval/ all mean 'train'; keep one"),
        (["train/a", "train/b", "Training/a"], r"Training/, train/ all mean 'train'"),
        (["train", "test"], r"no folders of classes in test/, train/, which are splits"),
        (["test/a", "test/b", "val/a"], r"has test/, val/ but no train/"),
        (["birds/train/a", "birds/test/a"], r"birds/ holds test/, train/, which are splits.*give data.path=.*/birds"),
        (
            ["a/train", "a/test", "b/train", "b/test"],
            r"a/ holds test/, train/, which .*put the splits above the classes",
        ),
        (["birds_train/a", "birds_test/a"], r"birds_test/, birds_train/ differ in the name of a split alone"),
        (
            ["train-cats", "test-cats", "train-dogs", "test-dogs"],
            r"test-cats/, train-cats/ differ in the name of a split",
        ),
        (
            ["train/images", "test/images"],
            r"one class only \('images'\); .*SPLIT/CLASS/IMAGE: test/ is test, train/ is",
        ),
        (
            ["train/all/a", "train/all/b"],
            r"one class only \('all'\); it holds train/all/a/, train/all/b/: are these the",
        ),
        (["data/a", "data/b"], r"one class only \('data'\); it holds data/a/, data/b/: are these the classes"),
    ],
)
def test_what_could_be_either_is_refused_with_what_is_accepted(tmp_path, folders, message):
    with pytest.raises(DataError, match=message) as caught:
        source_of(tmp_path, folders)
    assert "CLASS/IMAGE" in str(caught.value) or "keep one" in str(caught.value) or "all mean" in str(caught.value)


def test_a_class_may_be_called_train_within_the_splits(tmp_path):
    source = source_of(tmp_path, [f"{split}/{name}" for split in ("train", "test") for name in ("bus", "train")])
    assert source.class_names == ("bus", "train")


def test_how_it_was_read_is_told(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "top.png").write_bytes(b"")
    told = source_of(tmp_path, ["a", "b"]).describe()
    assert told == [
        "read as CLASS/IMAGE: every folder is a class",
        "not used, since they lie in no class folder: top.png",
        "without images: c/",
        "2 classes: a, b",
        "test: 2 of the training images, chosen by data.split_seed",
        "val: 2 of the training images, chosen by data.split_seed",
    ]


def test_two_classes_may_have_the_names_of_splits_in_their_own(tmp_path):
    assert source_of(tmp_path, ["steam_train", "flight_test"]).class_names == ("flight_test", "steam_train")


def test_folders_within_a_class_are_told(tmp_path):
    told = source_of(tmp_path / "classes", ["animals/cat", "animals/dog", "plants/rose"]).describe()
    assert "folders within a class, read as that class: animals/cat/, animals/dog/, plants/rose/" in told
    told = source_of(tmp_path / "splits", ["train/a/x", "train/b", "test/a", "test/b"]).describe()
    assert "folders within a class, read as that class: train/a/x/" in told


@pytest.mark.parametrize(
    ("folders", "alike"), [("Cat cat dog", "Cat, cat"), ("red_fox red.fox RedFox", "RedFox, red_fox")]
)
def test_classes_of_nearly_the_same_name_are_told(tmp_path, folders, alike):
    told = source_of(tmp_path, folders.split()).describe()
    assert f"classes whose names differ in case or spaces alone: {alike}" in told


@pytest.mark.parametrize("split", ["test", "val", "snow"])
def test_a_class_without_training_images_names_where_it_is(tmp_path, split):
    with pytest.raises(DataError, match=rf"no training images of Cat \(only in {split}\); .*one name in all splits"):
        source_of(tmp_path, ["train/cat", "train/dog", f"{split}/Cat", f"{split}/dog"])


def test_an_empty_class_of_one_split_is_told(tmp_path):
    (tmp_path / "test" / "b").mkdir(parents=True)
    told = source_of(tmp_path, ["train/a", "train/b", "test/a"]).describe()
    assert "without images: test/b/" in told
    assert "no test image of b: what is learnt of them is not measured there" in told
