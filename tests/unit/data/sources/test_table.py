"""A table of images: columns found or named, paths, labels, splits, groups, and what is wrong with it in one line."""

import json
import os
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmkd_ray.config import TableData, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.leaks import SHARED_GROUPS
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.table import read_splits, settings_identity
from mmkd_ray.errors import ConfigError, DataError
from tests.support.pictures import encode
from tests.support.source_rows import open_data, rows_of

open_table = partial(open_data, "table")


def put(root, count):
    """So many pictures, `0.png` and on."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (root / f"{number}.png").write_bytes(encode(Image.new("RGB", (6, 6), (number, 0, 0))))


def write(root, header, rows, name="t.csv", sign=","):
    root.mkdir(parents=True, exist_ok=True)
    lines = [header, *(sign.join(map(str, row)) for row in rows)]
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root / name


@pytest.fixture
def twelve(tmp_path):
    put(tmp_path, 12)
    return write(tmp_path, "path,label", [(f"{n}.png", "ab"[n % 2]) for n in range(12)])


def test_splits_that_a_table_lacks_are_cut_from_it(twelve):
    source = open_table(twelve)
    splits = {item.image_id: item.split for item in source.items()}
    assert {split: list(splits.values()).count(split) for split in set(splits.values())} == {
        "train": 8,
        "val": 2,
        "test": 2,
    }
    assert splits != {item.image_id: item.split for item in open_table(twelve, split_seed=1).items()}
    assert f"read {twelve}: path from 'path', label from 'label'" in source.describe()


@pytest.mark.parametrize(("name", "sign"), [("t.csv", ";"), ("t.tsv", "\t"), ("T.CSV", ",")])
def test_whatever_separates_its_columns(tmp_path, name, sign):
    put(tmp_path, 6)
    path = write(
        tmp_path, sign.join(["Image Path", "Class Name"]), [(f"{n}.png", "ab"[n % 2]) for n in range(6)], name, sign
    )
    assert open_table(path).class_names == ("a", "b")


def test_numbers_are_in_the_order_of_numbers_and_names_are_sorted(tmp_path):
    put(tmp_path, 12)
    rows = [(f"{n}.png", [10, 9, 2][n % 3]) for n in range(12)]
    assert open_table(write(tmp_path, "path,label", rows)).class_names == ("2", "9", "10")
    rows = [(path, f"{label:02d}") for path, label in rows]
    assert open_table(write(tmp_path, "path,label", rows)).class_names == ("02", "09", "10")
    rows = [(path, {"02": "NA", "09": "Null", "10": "é"}[label]) for path, label in rows]
    assert open_table(write(tmp_path, "path,label", rows)).class_names == ("NA", "Null", "é")


def test_names_of_numbers_come_from_a_file_of_classes(tmp_path):
    put(tmp_path, 12)
    path = write(tmp_path, "path,label", [(f"{n}.png", [2, 0][n % 2]) for n in range(12)])
    (tmp_path / "names.txt").write_text("zebra\nnever seen\nant\n")
    source = open_table(path, classes=str(tmp_path / "names.txt"))
    assert source.class_names == ("zebra", "ant")
    assert {item.image_id: item.class_name for item in source.items()}["0.png"] == "ant"
    (tmp_path / "names.txt").write_text("zebra\nant\n")
    with pytest.raises(DataError, match="the label 2 is not the number of one of 2 classes"):
        open_table(path, classes=str(tmp_path / "names.txt"))
    with pytest.raises(DataError, match=r"data.classes: '.*nowhere.txt' cannot be read: No such file"):
        open_table(path, classes=str(tmp_path / "nowhere.txt"))


def test_a_column_of_groups_keeps_objects_whole(tmp_path):
    put(tmp_path, 60)
    rows = [(f"{n}.png", "ab"[n % 2], f"bird {n // 2 % 10}-{n % 2}") for n in range(60)]
    path = write(tmp_path, "path,label,individual", rows)
    source = open_table(path, columns={"group": "individual"})
    splits = {}
    for item in source.items():
        splits.setdefault(item.group, set()).add(item.split)
    assert len(splits) == 20
    assert all(len(found) == 1 for found in splits.values())
    assert set().union(*splits.values()) == {"train", "val", "test"}
    assert any(line.startswith("data.columns.group: 20 objects in 60 images") for line in source.describe())
    assert source.identity() != open_table(path).identity()
    with pytest.raises(ConfigError, match=r"data.group and data.columns.group both say"):
        open_table(path, columns={"group": "individual"}, group="(.)")


def test_an_empty_column_of_groups_is_refused(tmp_path):
    put(tmp_path, 6)
    path = write(tmp_path, "path,label,owner", [(f"{n}.png", n % 2, " ") for n in range(6)])
    with pytest.raises(DataError, match=r"data.columns.group: 'owner' of .* is empty in every row: leave it out"):
        open_table(path, columns={"group": "owner"})


def test_numbers_and_gaps_of_parquet_in_columns_of_groups_and_splits(tmp_path):
    put(tmp_path, 8)
    owners = [1.0, 1.0, float("nan"), float("nan"), None, 2.5, 3.0, 3.0]
    table = {"path": [f"{n}.png" for n in range(8)], "label": [n % 2 for n in range(8)], "owner": owners}
    pq.write_table(pa.table({**table, "set": [n // 2 for n in range(8)]}), tmp_path / "t.parquet")
    splits = {"0": "train", "1": "val", "2": "test"}
    items = list(open_table(tmp_path / "t.parquet", columns={"group": "owner"}, splits=splits).items())
    assert [item.group for item in items] == ["1", "1", None, None, None, "2.5", "3", "3"]
    assert [item.split for item in items[::2]] == ["train", "val", "test", "3"]


def test_groups_that_given_splits_share_are_counted_and_kept_in_the_table(tmp_path, run):
    put(tmp_path, 12)
    rows = [(f"{n}.png", "ab"[n % 2], ["train", "val", "test"][n // 2 % 3], f"o{n % 4}") for n in range(12)]
    path = write(tmp_path, "path,label,split,owner", rows)
    data = {"source": "table", "path": str(path), "columns": {"group": "owner"}}
    record = build_image_table(
        validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}}), run, lambda *_: None
    )
    assert record["in_train_by_group"] == {"val": 4, "test": 4}
    assert SHARED_GROUPS in run.images.names()
    groups = {row["image_id"]: row["group"] for row in read_splits(run, columns=["image_id", "group"]).to_pylist()}
    assert groups == {row[0]: row[3] for row in rows}


def test_splits_are_mapped_and_left_out(tmp_path):
    put(tmp_path, 16)
    words = ["train", "valid", "unlabeled", "Test Set"]
    rows = [(f"{n}.png", "" if words[n // 4] == "unlabeled" else "ab"[n % 2], words[n // 4]) for n in range(16)]
    path = write(tmp_path, "path,label,set", rows)
    with pytest.raises(DataError, match=r"the image '8.png' has no label, nor have 3 others"):
        open_table(path)
    source = open_table(path, splits={"unlabeled": None, "valid": "fog"}, val_fraction=0.5)
    found = [item.split for item in source.items()]
    assert {split: found.count(split) for split in found} == {"train": 2, "val": 2, "fog": 4, "test": 4}
    line = "splits: 'train' is train, 'valid' is a shift set, 'unlabeled' is left out, 'Test Set' is test"
    assert line in source.describe()


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"tset": "test"}, "has no split 'tset'; it has a, b"),
        ({}, r"none of the splits is for training; there are a, b: say which one by data.splits=\{a: train\}"),
        ({"a": "train", "b": "../b"}, r"the split '../b' cannot be the name of a folder"),
        ({"a": "train", "b": "test"}, None),
    ],
)
def test_splits_that_are_not_there_or_not_usable_are_one_line(tmp_path, splits, message):
    put(tmp_path, 8)
    path = write(tmp_path, "path,label,split", [(f"{n}.png", n % 2, "ab"[n // 4]) for n in range(8)])
    if message is None:
        assert {item.split for item in open_table(path, splits=splits).items()} == {"train", "val", "test"}
    else:
        with pytest.raises(DataError, match=message):
            open_table(path, splits=splits)


def test_absolute_paths_windows_paths_and_another_root(tmp_path):
    put(tmp_path / "one", 6)
    put(tmp_path / "two", 6)
    inner = [(f".\\one\\{n}.png", n % 2) for n in range(6)]
    outer = [(tmp_path / "two" / f"{n}.png", n % 2) for n in range(6)]
    source = open_table(write(tmp_path / "lists", "path,label", inner + outer), root=str(tmp_path))
    assert len({row.image for row in rows_of(source)}) == 6
    assert next(item.image_id for item in source.items()) == "one/0.png"


def test_missing_and_broken_images_are_named(twelve, tmp_path):
    (tmp_path / "3.png").unlink()
    (tmp_path / "5.png").write_bytes(b"GIF?")
    bad = {row.path: row.reason for row in rows_of(open_table(twelve)) if isinstance(row, BadImage)}
    assert bad["3.png"] == "cannot be read: No such file or directory"
    assert bad["5.png"].startswith("not a readable image")
    assert len(bad) == 2


@pytest.mark.parametrize(
    ("header", "rows", "settings", "message"),
    [
        ("picture id,label", [(0, 1)], {}, "has no column that is its path by name; it has picture id, label"),
        ("path,labl,note", [(0, 1, 2)], {}, "its label by name; it has labl, path, note: .*label=NAME"),
        ("path,label", [(0, 1)], {"columns": {"label": "kind"}}, "label: .* no column 'kind'; it has path, label"),
        ("path,label,class", [(0, 1, 2)], {}, "label, class may all be its label; .* data.columns.label=label"),
        ("path,path,label", [(0, 1, 2)], {}, "has two columns 'path'"),
        ("path,label", [], {}, "has no rows"),
        ("path,label", [("0.png", "a"), ("", "b")], {}, r"row 2 has nothing in 'path' \(1 such rows\)"),
        ("path,label", [("0.png", "a"), ("./0.png", "b")], {}, "rows 1 and 2 list the same image, '0.png'"),
        ("path,label", [("0.png", "a"), ("1.png", "")], {}, "the image '1.png' has no label; give it one"),
        ("path,label", [("0.png", "a"), ("1.png",)], {}, "line 3 has 1 fields, the first line has 2"),
        ("path,label", [("0.png", "a"), ("1.png", "a")], {}, "has one class only"),
        ("path,label", [("x.png", "a"), ("y.png", "b")], {}, "none of the 2 images .* start from .*data.root"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_one_line(tmp_path, header, rows, settings, message):
    put(tmp_path, 3)
    with pytest.raises(DataError, match=message) as refusal:
        open_table(write(tmp_path, header, rows), **settings)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", b'{"path": "a", "label": 1}\n{"path"', "line 2 is not JSON"),
        ("t.jsonl", b"[1]\n", "row 1 is not an object"),
        ("t.json", b'{"a": 1}', "a list of objects is accepted"),
        ("t.jsonl", b'{"path": "a.png", "label": ["x"]}', r"got the label \['x'\]; a label is one name"),
        ("t.jsonl", b'{"path": "a.png", "label": 0.5}', "got the label 0.5; a label is one name or one whole number"),
        ("t.csv", b"path,label\n\xff,a\n", r"is not UTF-8 \(.*0xff.*\); save it as UTF-8"),
        ("t.csv", b'path,label\n"a,b\n', "is not such a table"),
        ("t.parquet", b"PAR1", "is not such a table"),
        ("t.xlsx", b"PK", "a table that ends in csv, json, jsonl, ndjson, parquet, tsv is accepted"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    put(tmp_path, 1)
    (tmp_path / "0.png").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match=message) as refusal:
        open_table(tmp_path / name)
    assert "\n" not in str(refusal.value)


def test_a_missing_table_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.csv' cannot be read: .*o such file.*; give a table of images"):
        open_table(tmp_path / "nowhere.csv")


def test_types_of_parquet_and_json(tmp_path):
    put(tmp_path, 8)
    paths = [f"{n}.png" for n in range(8)]
    kinds = pa.array([["dog", "cat"][n % 2] for n in range(8)]).dictionary_encode()
    pq.write_table(pa.table({"path": paths, "label": kinds}), tmp_path / "t.parquet")
    assert open_table(tmp_path / "t.parquet").class_names == ("cat", "dog")
    rows = [{"path": path, "label": bool(n % 2)} for n, path in enumerate(paths)]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    assert open_table(tmp_path / "t.json").class_names == ("false", "true")
    pq.write_table(pa.table({"path": paths, "label": [float(n % 2) for n in range(8)]}), tmp_path / "t.parquet")
    assert open_table(tmp_path / "t.parquet").class_names == ("0", "1")


def test_the_identity_depends_on_files_and_labels_and_not_on_places_or_other_columns(twelve, tmp_path):
    before = open_table(twelve).identity()
    rows = [(f"{n}.png", "ab"[n % 2], n) for n in range(12)]
    assert open_table(write(tmp_path, "path,label,weight", rows)).identity() == before
    others = [(path, "ab"[number % 2] if number else "b") for path, _, number in rows]
    assert open_table(write(tmp_path, "path,label", others)).identity() != before
    write(tmp_path, "path,label,weight", rows)
    os.utime(tmp_path / "4.png", ns=(1, 1))
    assert open_table(tmp_path / "t.csv").identity() != before
    config = TableData(source="table", path="a.csv")
    elsewhere = TableData(source="table", path="b.csv", root="/data", classes="c.txt")
    assert key(config) == key(elsewhere)
    assert key(config) != key(TableData(source="table", path="a.csv", test_fraction=0.5))


def key(data):
    config = validate({"name": "t", "data": data.model_dump(), "aspects": {"source": "fieldguide"}})
    return settings_identity(config)
