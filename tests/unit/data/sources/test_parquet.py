"""Parquet with encoded images: columns found by type, splits by column or name, images read out of row groups."""

import json
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmkd_ray.data.sources import parquet_reader
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.shards import splits_of_shards
from mmkd_ray.errors import DataError
from tests.support.pictures import encode
from tests.support.source_rows import open_data, rows_of

open_parquet = partial(open_data, "parquet")


def rows(count, start=0, **more):
    """So many rows with pictures of their own, of two classes."""
    return [
        {"image": encode(Image.new("RGB", (5, 5), (n % 256, n // 256, 7))), "label": n % 2, **more}
        for n in range(start, start + count)
    ]


def write(path, table, metadata=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(table) if isinstance(table, list) else table
    pq.write_table(table.replace_schema_metadata(metadata), path, **options)
    return path


def class_label(*names):
    return {"huggingface": json.dumps({"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}})}


def test_images_are_read_in_any_order_out_of_any_row_group(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_reader, "_BATCH", 4)
    written = rows(50)
    for group_size in (3, 7, 50):
        source = open_parquet(write(tmp_path / "t.parquet", written, row_group_size=group_size))
        items = list(source.items())
        for order in (items, items[::-1], items[::5] + items[3::7]):
            read = list(source.reader.read(order))
            assert read == [written[int(item.image_id.rpartition(":")[2])]["image"] for item in order]


def test_a_row_group_is_passed_once_by_a_process(tmp_path, monkeypatch):
    source = open_parquet(write(tmp_path / "t.parquet", rows(60)))
    items, opened = list(source.items()), []
    whole = parquet_reader.open_parquet
    monkeypatch.setattr(parquet_reader, "open_parquet", lambda *args: opened.append(args) or whole(*args))
    for start in range(0, 60, 6):
        list(source.reader.read(items[start : start + 6]))
    assert len(opened) == 1


def test_nothing_but_the_listed_columns_is_read_to_list(tmp_path):
    path = write(tmp_path / "t.parquet", rows(40), compression="none")
    source = open_parquet(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"IHDR", b"xxxx"))
    assert [item.label for item in open_parquet(path).items()] == [item.label for item in source.items()]
    assert all(isinstance(row, BadImage) for row in rows_of(open_parquet(path)))


def test_numbers_are_called_by_hugging_faces_names(tmp_path):
    path = write(tmp_path / "t.parquet", rows(20), class_label("wren", "crane", "crane"))
    source = open_parquet(path)
    assert source.class_names == ("wren", "crane 1")
    assert source.identity() != open_parquet(write(path, rows(20), class_label("wren", "owl"))).identity()


def test_labels_of_minus_one_are_no_labels(tmp_path):
    write(tmp_path / "train-0.parquet", rows(20), class_label("a", "b"))
    unlabelled = [{**row, "label": -1} for row in rows(4, start=30)]
    write(tmp_path / "test-0.parquet", unlabelled, class_label("a", "b"))
    with pytest.raises(DataError, match=r"the label -1 is not .*leave that split out by data.splits=\{test: null\}"):
        open_parquet(tmp_path)
    source = open_parquet(tmp_path, splits={"test": None})
    assert {item.split for item in source.items()} == {"train", "val", "test"}
    assert not [item for item in source.items() if item.image_id.startswith("test")]


def test_a_row_without_an_image_is_a_bad_one_and_a_path_beside_it_is_followed(tmp_path):
    table = [{"image": {"bytes": row["image"], "path": None}, "label": row["label"]} for row in rows(12)]
    (tmp_path / "beside.png").write_bytes(table[2]["image"]["bytes"])
    table[1]["image"] = None
    table[2]["image"] = {"bytes": None, "path": "beside.png"}
    source = open_parquet(write(tmp_path / "t.parquet", table))
    found = rows_of(source)
    assert [row for row in found if isinstance(row, BadImage)] == [BadImage("t.parquet:1", "the row has no image")]
    assert found[2].image == (tmp_path / "beside.png").read_bytes()


@pytest.mark.parametrize(
    ("paths", "splits"),
    [
        (["a/train-00000-of-00002.parquet", "a/validation-0.parquet"], ["train", "validation"]),
        (["train-00000-of-00001-a09b74b3ef9c3b56.parquet", "sketch-00000-of-00001.parquet"], ["train", "sketch"]),
        (["imagenet1k-train-0001.tar", "imagenet1k-validation-01.tar"], ["train", "validation"]),
        (["default/train/0.parquet", "default/dev/0.parquet", "default/fog/0.parquet"], ["train", "dev", "fog"]),
        (["0000.parquet", "0001.parquet"], ["train", "train"]),
        (["birds.parquet"], ["train"]),
    ],
)
def test_splits_by_names_of_files_and_folders(paths, splits):
    assert splits_of_shards(paths) == splits


def test_a_split_column_comes_before_names(tmp_path):
    write(tmp_path / "train" / "0.parquet", rows(8, split="train") + rows(4, start=8, split="test"))
    assert {item.split for item in open_parquet(tmp_path).items()} == {"train", "val", "test"}
    assert [item.split for item in open_parquet(tmp_path).items()][8:] == ["test"] * 4


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        ([{"a": 1, "b": 2}], {}, "no column that is its label by name; it has a, b"),
        ([{"label": 1, "b": 2}], {}, "holds encoded images. has no column that is its path by name; it has label, b"),
        (rows(1), {"columns": {"image": "img"}}, "data.columns.image: .* has no column 'img'; it has image, label"),
        (rows(1), {"columns": {"image": "label"}}, "'label' of .* is of the type int64; accepted are bytes"),
        (
            [{**rows(1)[0], "png": b""}],
            {},
            "image, png may all be its image; say which one by data.columns.image=image",
        ),
        (rows(1, split=None), {}, "some rows have no split"),
    ],
)
def test_wrong_columns_are_one_line(tmp_path, table, settings, message):
    with pytest.raises(DataError, match=message) as refusal:
        open_parquet(write(tmp_path / "t.parquet", table), **settings)
    assert "\n" not in str(refusal.value)


def test_files_that_do_not_fit_are_one_line(tmp_path):
    with pytest.raises(DataError, match=r"nowhere' is not there, and holds no .parquet files"):
        open_parquet(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"' holds no .parquet files; give a file or a folder"):
        open_parquet(tmp_path)
    write(tmp_path / "a.parquet", rows(4))
    write(tmp_path / "b.parquet", [{"image": b"", "class": 1}])
    write(tmp_path / ".cache" / "c.parquet", [{"x": 1}])
    with pytest.raises(DataError, match=r"b.parquet' has no column 'label' for the label, as other files have; it has"):
        open_parquet(tmp_path)
    (tmp_path / "b.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match=r"b.parquet' is not a Parquet file"):
        open_parquet(tmp_path)


def test_a_file_written_anew_changes_the_stamps_of_its_rows_alone(tmp_path):
    write(tmp_path / "a.parquet", rows(20))
    write(tmp_path / "b.parquet", rows(20, start=20))
    before = open_parquet(tmp_path)
    write(tmp_path / "b.parquet", rows(20, start=40))
    after = open_parquet(tmp_path)
    changed = {now.image_id for was, now in zip(before.items(), after.items(), strict=True) if was.stamp != now.stamp}
    assert changed == {f"b.parquet:{row}" for row in range(20)}
    assert before.identity() != after.identity()
    fewer = open_parquet(write(tmp_path / "b.parquet", rows(3)))
    bad = [row for row in before.reader.read(list(before.items())[20:]) if isinstance(row, BadImage)]
    assert {row.reason for row in bad} == {"cannot be read: the file has fewer rows than when it was listed"}
    assert len(fewer) == 3
