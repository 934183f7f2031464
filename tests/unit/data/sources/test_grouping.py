"""`data.group` says which object an image shows, and a chosen split keeps each object whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray.config import FolderData, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.leaks import SHARED_GROUPS
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.data.sources.split import grouped_cut
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import DataError
from mmkd_ray.identity import settings
from tests.support.pictures import fill_tree, picture
from tests.support.source_rows import ImageRow, rows_of
from tests.unit.data.sources.test_folder import tree

OBJECT = r"(obj\d+)_"


def turntable(root, folders, objects=range(10), views=4):
    """Pictures of some objects in each folder, as published turntable sets have them."""
    files = {
        f"{folder}/obj{number}_{view}.png": picture(number * 10 + view)
        for folder in folders
        for number in objects
        for view in range(views)
    }
    tree(root, {**files})


def grouped(root, **data):
    source = FolderSource(FolderData(source="folder", path=str(root), **data))
    return source, [row for row in rows_of(source) if isinstance(row, ImageRow)]


def objects_of(rows, split):
    return {(row.class_name, row.image_id.rpartition("/")[2].partition("_")[0]) for row in rows if row.split == split}


def test_without_groups_nearly_every_test_image_shows_an_object_of_train(tmp_path):
    turntable(tmp_path, "ab")
    _, rows = grouped(tmp_path)
    assert objects_of(rows, "test") & objects_of(rows, "train"), "else the next test shows nothing"
    assert {row.group for row in rows} == {None}


def test_all_images_of_an_object_are_in_one_split(tmp_path):
    turntable(tmp_path, "ab")
    source, rows = grouped(tmp_path, group=r"([ab]/obj\d+)_")
    splits = ("train", "val", "test")
    seen = [objects_of(rows, split) for split in splits]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 20
    assert {split: sum(row.split == split for row in rows) for split in splits} == {"train": 56, "val": 8, "test": 16}
    for split in splits:
        assert {row.class_name for row in rows if row.split == split} == {"a", "b"}
    told = source.describe()
    assert "data.group: 20 objects in 80 images, such as 'a/obj0' in a/obj0_0.png" in told
    assert any("stay together" in line and "test 16 (20.0 %)" in line for line in told)


def test_an_object_of_several_classes_is_one(tmp_path):
    turntable(tmp_path, "ab")
    _, rows = grouped(tmp_path, group=OBJECT)
    by_split = {split: {name for _, name in objects_of(rows, split)} for split in ("train", "val", "test")}
    assert sum(map(len, by_split.values())) == 10


def test_an_image_whose_path_does_not_match_is_an_object_of_its_own_and_named(tmp_path):
    turntable(tmp_path, "ab")
    (tmp_path / "a/portrait.png").write_bytes(picture(3))
    source, rows = grouped(tmp_path, group=OBJECT)
    assert [row.group for row in rows if row.image_id == "a/portrait.png"] == [None]
    assert "data.group finds nothing in a/portrait.png: each counts as an object of its own" in source.describe()


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("patient(\\d+)", "finds nothing in any of 80 paths"),
        ("obj\\d+", "has no pair of brackets"),
        ("(obj", "no regular expression"),
        ("()obj", "finds nothing"),
    ],
)
def test_a_pattern_that_says_nothing_is_refused_with_an_example_path(tmp_path, pattern, problem):
    turntable(tmp_path, "ab")
    with pytest.raises(DataError, match=rf"^data.group: .*{problem}.*'a/obj0_0.png'$") as refusal:
        grouped(tmp_path, group=pattern)
    assert "\n" not in str(refusal.value)


def test_a_set_without_the_key_has_the_settings_and_the_table_that_it_had(tmp_path, run):
    fill_tree(tmp_path / "tree", "ab")
    assert settings(FolderData(source="folder", path="p")) == {"source": "folder", "path": "p"}
    record = build_image_table(config_of(tmp_path / "tree"), run, lambda *_: None)
    assert "group" not in read_splits(run).column_names
    assert "in_train_by_group" not in record
    assert not run.images.exists(SHARED_GROUPS)


def config_of(root, **data):
    data = {"source": "folder", "path": str(root), **data}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


def test_the_table_has_the_groups_and_a_chosen_test_split_shares_none(tmp_path, run):
    turntable(tmp_path / "tree", "ab")
    record = build_image_table(config_of(tmp_path / "tree", group=OBJECT), run, lambda *_: None)
    rows = read_splits(run, columns=["image_id", "group"]).to_pylist()
    assert {row["group"] for row in rows} == {f"obj{number}" for number in range(10)}
    assert record["in_train_by_group"] == {"test": 0, "val": 0}
    assert not any("whose object" in line for line in record["told"])


def test_given_splits_stay_and_their_shared_objects_are_counted_and_listed(tmp_path, run):
    root = tmp_path / "tree"
    turntable(root, ["train/a", "train/b"], objects=range(6))
    turntable(root, ["test/a", "test/b"], objects=range(5, 8), views=3)
    config = config_of(root, group=r"/([ab]/obj\d+)_")
    record = build_image_table(config, run, lambda *_: None)
    assert record["images"]["test"] == 18
    assert record["in_train_by_group"]["val"] == 0
    in_val = {row["group"] for row in read_splits(run, ["val"], columns=["group"]).to_pylist()}
    shared = {"a/obj5", "b/obj5"} - in_val
    assert record["in_train_by_group"]["test"] == 3 * len(shared)
    assert {row["group"] for row in run.images.read_table(SHARED_GROUPS).to_pylist()} == shared
    told = f"images whose object is in train: {3 * len(shared)} of 18 test images; results on them are"
    assert any(line.startswith(told) for line in record["told"])
    assert build_image_table(config, run, lambda *_: None)["told"] == record["told"], "on a rerun, too"


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.sampled_from("opqrstuvw"))), max_size=60),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_groups_stay_whole_and_no_class_loses_its_last(rows, fraction, seed):
    labels_N = np.array([label for label, _ in rows], dtype=np.int64)
    groups = [group for _, group in rows]
    chosen = grouped_cut(labels_N, groups, fraction=fraction, seed=seed).tolist()
    assert chosen == grouped_cut(labels_N, groups, fraction=fraction, seed=seed).tolist() == sorted(set(chosen))
    taken = {groups[row] for row in chosen} - {None}
    assert taken.isdisjoint({group for row, group in enumerate(groups) if row not in chosen})
    assert {label for row, (label, _) in enumerate(rows) if row not in chosen} == {label for label, _ in rows}


def test_groups_of_one_image_are_cut_as_exactly_as_images():
    labels_N = np.repeat([0, 1, 2], [100, 20, 10])
    chosen = grouped_cut(labels_N, [None] * 130, fraction=0.2, seed=0)
    assert np.bincount(labels_N[chosen]).tolist() == [20, 4, 2]


def test_a_class_of_few_large_groups_still_gets_one():
    labels_N = np.repeat([0, 1], [20, 20])
    groups = ["big" if row < 12 else "small" if row < 20 else None for row in range(40)]
    chosen = grouped_cut(labels_N, groups, fraction=0.1, seed=0)
    assert {groups[row] for row in chosen if row < 20} == {"small"}
