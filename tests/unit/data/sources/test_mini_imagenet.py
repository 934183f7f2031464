"""Mini-ImageNet: the lists of few-shot learning, pooled and split for classification."""

import pytest

from mmkd_ray.config import MiniImageNetData, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.mini_imagenet import MiniImageNetSource
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import settings_identity
from mmkd_ray.errors import DataError
from tests.support import published_layouts as published
from tests.support.source_rows import rows_of

SIX = {"test_fraction": 1 / 6, "val_fraction": 0.2}
"""Of 12 images per class: 2 for the test, 2 for validation, 8 for training."""


def open_mini(root, **settings):
    return MiniImageNetSource(MiniImageNetData(source="mini_imagenet", path=str(root), **settings))


def config_of(root, **settings):
    data = {"source": "mini_imagenet", "path": str(root), **settings}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.fixture
def root(tmp_path):
    published.mini_imagenet(tmp_path)
    return tmp_path


def test_the_classes_of_all_lists_are_in_every_split(root):
    source = open_mini(root, **SIX)
    rows = published.read(source)
    assert source.class_names == (
        "house finch",
        "goose",
        "miniature poodle",
        "coral reef",
    )  # in the order of their numbers
    for label in range(4):
        splits = [row.split for row in rows if row.label == label]
        assert {split: splits.count(split) for split in splits} == {"train": 8, "val": 2, "test": 2}
    for row in rows:
        assert row.class_name == source.class_names[row.label]
        assert row.image == (root / row.image_id).read_bytes()
    assert {row.class_name for row in rows if "n09256479" in row.image_id} == {"coral reef"}


def test_the_seed_decides_the_splits(root):
    for split in ("val", "test"):
        assert published.ids(open_mini(root), split) == published.ids(open_mini(root), split)
        assert published.ids(open_mini(root), split) != published.ids(open_mini(root, split_seed=1), split)


def test_the_test_split_does_not_depend_on_the_share_for_validation(root):
    few, many = open_mini(root, val_fraction=0.1), open_mini(root, val_fraction=0.5)
    assert published.ids(few, "test") == published.ids(many, "test")


def test_the_image_table_is_made(root, run):
    record = build_image_table(config_of(root, **SIX), run, lambda *_: None)
    assert record["images"] == {"train": 32, "val": 8, "test": 8}
    assert isinstance(open_source(config_of(root)), MiniImageNetSource)


def test_a_label_that_is_not_in_wordnet_keeps_its_name(root):
    for name in ("train.csv", "val.csv"):
        path = root / name
        path.write_text(path.read_text().replace(",n01855672", ",goose").replace(",n01532829", ",crane"))
    assert set(open_mini(root).class_names) == {"goose", "crane", "miniature poodle", "coral reef"}


def test_two_labels_with_the_same_name_keep_their_numbers(root):
    path = root / "train.csv"  # both are cranes: the bird and the machine
    path.write_text(path.read_text().replace(",n02113712", ",n02012849").replace(",n01532829", ",n03126707"))
    assert set(open_mini(root).class_names) == {"goose", "n02012849", "n03126707", "coral reef"}


def test_missing_images_are_named(root):
    (root / "images" / "n0153282900000003.jpg").unlink()
    bad = [row for row in rows_of(open_mini(root)) if isinstance(row, BadImage)]
    assert bad == [BadImage("images/n0153282900000003.jpg", "cannot be read: No such file or directory")]


def test_the_identity_depends_on_content_and_settings_and_not_on_the_folder(root):
    identity = open_mini(root).identity()
    assert str(root) not in str(identity)
    assert identity != open_mini(root, test_fraction=0.5).identity()
    assert settings_identity(config_of(root)) == settings_identity(config_of("/elsewhere"))
    assert settings_identity(config_of(root)) != settings_identity(config_of(root, test_fraction=0.5))


@pytest.mark.parametrize("name", ["train.csv", "val.csv", "test.csv"])
def test_a_missing_list_is_a_one_line_error_with_the_expected_layout(root, name):
    (root / name).unlink()
    with pytest.raises(DataError, match=rf"{name}' cannot be read: .*; expected .* with train.csv, val.csv, test.csv"):
        open_mini(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"val.csv has the columns \(none\); expected"),
        ("image,class\na.jpg,b\n", "val.csv has the columns image, class; expected"),
        ("filename,label\na.jpg\n", "val.csv, line 2: expected a file name and a label"),
        ("filename,label\nn0153282900000003.jpg,n01855672\n", "lists the image 'images/n0153282900000003.jpg' twice"),
    ],
)
def test_a_malformed_list_is_a_one_line_error(root, text, message):
    (root / "val.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_mini(root)


def test_lists_without_images_are_a_one_line_error(root):
    (root / "images").rename(root / "pictures")
    with pytest.raises(DataError, match=r"none of the 48 images that the data set lists can be read.*images/FILENAME"):
        open_mini(root)
