"""Data sets of the Hugging Face hub: from a local folder, and from the cache with the hub out of reach."""

import socket
from functools import partial

import datasets
import pytest
from PIL import Image

from mmkd_ray.cluster import hub
from mmkd_ray.data.sources import huggingface
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.errors import DataError
from tests.support.pictures import encode, fill_tree
from tests.support.source_rows import open_data, rows_of

open_set = partial(open_data, "huggingface", columns={"label": "kind"})

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Of the `datasets` package."""
    huggingface._load.cache_clear()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(count, names=("wren", "owl"), start=0):
    """So many rows, each with a picture of its own."""
    return datasets.Dataset.from_dict(
        {
            "img": [
                {"bytes": encode(Image.new("RGB", (4, 4), (n, 0, 9))), "path": None}
                for n in range(start, start + count)
            ],
            "kind": [n % len(names) for n in range(count)],
            "owner": [f"o{n % 7}" for n in range(count)],
        },
        features=datasets.Features(
            {"img": datasets.Image(), "kind": datasets.ClassLabel(names=list(names)), "owner": datasets.Value("string")}
        ),
    )


def put_in_cache(cache, tmp_path, commit=COMMIT):
    """What `load_dataset` leaves of a data set of the hub."""
    made(40).to_parquet(tmp_path / "files" / "train-00000-of-00001.parquet")
    loaded = datasets.load_dataset(str(tmp_path / "files"))
    made_at = (cache / "files" / "default" / "0.0.0").glob("*/dataset_info.json")
    folder = next(made_at).parent
    (folder / "files-train.arrow").rename(folder / "birds-train.arrow")
    text = (folder / "dataset_info.json").read_text()
    (folder / "dataset_info.json").write_text(text.replace('"dataset_name": "files"', '"dataset_name": "birds"'))
    there = cache / "owner___birds" / "default" / "0.0.0" / commit
    there.parent.mkdir(parents=True)
    folder.rename(there)
    return loaded


def test_one_split_saved_to_disk_is_cut(tmp_path):
    made(60).save_to_disk(tmp_path / "birds")
    source = open_set(tmp_path / "birds", columns={"label": "kind", "group": "owner"})
    assert source.class_names == ("wren", "owl")
    assert {item.split for item in source.items()} == {"train", "val", "test"}
    by_owner = {}
    for item in source.items():
        by_owner.setdefault(item.group, set()).add(item.split)
    assert all(len(splits) == 1 for splits in by_owner.values())
    assert len({row.image for row in rows_of(source)}) == 60


def test_rows_that_were_shuffled_and_filtered_are_those_that_are_read(tmp_path):
    rows = made(40).shuffle(seed=3).select(range(20))
    rows.save_to_disk(tmp_path / "birds")
    found = rows_of(open_set(tmp_path / "birds"))
    raw = rows.cast_column("img", datasets.Image(decode=False))
    assert [row.image for row in found] == [value["bytes"] for value in raw["img"]]
    assert [row.class_name for row in found] == [("wren", "owl")[kind] for kind in rows["kind"]]


def test_a_folder_that_was_written_anew_is_read_anew(tmp_path):
    made(20).save_to_disk(tmp_path / "birds")
    before = open_set(tmp_path / "birds")
    assert before.identity() == open_set(tmp_path / "birds").identity()
    made(20, start=100).save_to_disk(tmp_path / "birds")
    after = open_set(tmp_path / "birds")
    assert before.identity() != after.identity()
    assert not {item.stamp for item in before.items()} & {item.stamp for item in after.items()}
    assert not {row.image for row in rows_of(after)} & {
        row["img"]["bytes"] for row in made(20).with_format("arrow")[:].to_pylist()
    }


def test_images_that_are_missing_are_named(tmp_path):
    rows = made(12).cast_column("img", datasets.Image(decode=False)).to_list()
    rows[1]["img"] = None
    datasets.Dataset.from_list(rows, features=made(1).features).save_to_disk(tmp_path / "birds")
    found = rows_of(open_set(tmp_path / "birds"))
    assert [row for row in found if isinstance(row, BadImage)] == [BadImage("train/1", "the row has no image")]


def test_images_beside_the_table_are_read_where_they_are(tmp_path):
    fill_tree(tmp_path / "birds", ["train/owl", "train/wren"], count=6)
    source = open_set(tmp_path / "birds", columns={})
    assert source.class_names == ("owl", "wren")
    (tmp_path / "birds" / "train" / "wren" / "2.png").unlink()
    found = rows_of(source)
    assert found[8].reason.startswith("cannot be read: ")
    assert {row.image for row in found if row != found[8]} == {
        file.read_bytes() for file in (tmp_path / "birds").rglob("*.png")
    }


def test_a_set_of_the_hub_is_read_from_the_cache_and_its_commit_is_pinned(tmp_path, cache):
    put_in_cache(cache, tmp_path)
    source = open_set("owner/birds")
    assert len({row.image for row in rows_of(source)}) == 40
    assert source.reader.revision == COMMIT
    assert any(COMMIT in line for line in source.describe())
    assert open_set("owner/birds", revision=COMMIT).identity() == source.identity()
    with pytest.raises(DataError, match=f"data.revision: f{{40}} is not in this machine's cache, which has {COMMIT}"):
        open_set("owner/birds", revision="f" * 40)


def test_another_commit_is_another_identity(tmp_path, cache):
    put_in_cache(cache, tmp_path)
    before = open_set("owner/birds").identity()
    there = cache / "owner___birds" / "default" / "0.0.0"
    (there / COMMIT).rename(there / COMMIT[::-1])
    huggingface._load.cache_clear()
    assert open_set("owner/birds").identity() != before


@pytest.mark.parametrize("path", ["owner/nothing", "nothing", "no/such/folder", "/no/such/folder", "s3://bucket/birds"])
def test_what_is_out_of_reach_is_one_line(path):
    with pytest.raises(
        DataError, match=rf"^data.path: '{path}' cannot be loaded by datasets .*; give a local folder"
    ) as no:
        open_set(path)
    assert "\n" not in str(no.value)


@pytest.fixture
def silent_hub(monkeypatch):
    """Takes a connection and never says a word."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "WAIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


def test_a_hub_that_does_not_answer_is_told_at_once_and_the_cache_used(tmp_path, cache, silent_hub):
    """`datasets` itself would try for a minute, which the time limit of a test does not allow."""
    with pytest.raises(DataError, match=r"\(the hub http://127.0.0.1:\d+ does not answer: timed out\); give a local"):
        open_set("owner/nothing")
    assert not datasets.config.HF_HUB_OFFLINE
    put_in_cache(cache, tmp_path)
    assert open_set("owner/birds").reader.revision == COMMIT


def test_wrong_columns_are_one_line(tmp_path):
    made(10).save_to_disk(tmp_path / "birds")
    with pytest.raises(DataError, match="no column that is its label by name; it has img, kind, owner"):
        open_set(tmp_path / "birds", columns={})
    with pytest.raises(DataError, match="has no column 'species'; it has"):
        open_set(tmp_path / "birds", columns={"label": "species"})
    made(10).remove_columns("img").save_to_disk(tmp_path / "no images")
    with pytest.raises(DataError, match="has no column of images; it has kind, owner"):
        open_set(tmp_path / "no images")
    datasets.DatasetDict(train=made(10), test=made(4).remove_columns("kind")).save_to_disk(tmp_path / "two")
    with pytest.raises(DataError, match="the split 'test' has no column 'kind', as others have; it has img, owner"):
        open_set(tmp_path / "two")
