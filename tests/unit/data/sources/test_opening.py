"""Whatever brings the pictures: the same bytes, classes and splits."""

import pickle

import datasets
import fsspec
import pytest

from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import read_splits
from tests.support.same_pictures import CLASSES, PICTURES, WAYS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Of the `datasets` package."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


def config_of(data):
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.mark.parametrize("way", WAYS)
def test_every_source_brings_the_same_pictures(tmp_path, run, way):
    config = config_of(WAYS[way](tmp_path / "pictures"))
    record = build_image_table(config, run, lambda *_: None)
    assert record["class_names"] == list(CLASSES)
    assert record["quarantined"] == 0
    columns = ["image_id", "image", "class_name", "split", "label"]
    rows = read_splits(run, columns=columns).to_pylist()
    assert sorted((row["image"], row["class_name"], row["split"]) for row in rows) == sorted(
        (picture.encoded, picture.class_name, picture.split) for picture in PICTURES
    )
    assert all(CLASSES[row["label"]] == row["class_name"] for row in rows)
    assert len({row["image_id"] for row in rows}) == len(PICTURES)


@pytest.mark.parametrize("way", WAYS)
def test_a_source_listed_again_is_the_same_and_its_reader_travels(tmp_path, way):
    config = config_of(WAYS[way](tmp_path / "pictures"))
    source, again = open_source(config), open_source(config)
    items = list(source.items())
    assert len(source) == len(items) == len(PICTURES)
    assert source.identity() == again.identity()
    assert str(tmp_path) not in str(source.identity())
    assert items == list(again.items())
    backwards = pickle.loads(pickle.dumps(items[::-1]))
    read = list(pickle.loads(pickle.dumps(source.reader)).read(backwards))
    assert sorted(read) == sorted(picture.encoded for picture in PICTURES)
    assert read == list(source.reader.read(items))[::-1]
    assert source.describe()


@pytest.mark.parametrize(
    "way", ["folder", "table as CSV", "Parquet as on the hub", "Parquet with paths", "tar files with JSON"]
)
def test_any_file_system_of_fsspec_will_do(tmp_path, way):
    local, memory = tmp_path / "pictures", fsspec.filesystem("memory")
    data = {key: value.removeprefix("file://") for key, value in WAYS[way](local).items()}
    memory.put(str(local), "/birds", recursive=True)
    try:
        source = open_source(config_of({k: v.replace(str(local), "fsspec+memory:///birds") for k, v in data.items()}))
        read = source.reader.read(list(source.items()))
        assert sorted(read) == sorted(picture.encoded for picture in PICTURES)
    finally:
        memory.rm("/birds", recursive=True)
