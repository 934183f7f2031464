"""CIFAR-10 and -100: the pixels and labels of torchvision, as PNG."""

import pickle

import numpy as np
import pytest
from torchvision import datasets

from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import DataError
from tests.support import published_layouts as published


def config_of(root, name, **settings):
    data = {"source": "torchvision", "dataset": name.lower(), "path": str(root), **settings}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.fixture(params=["CIFAR10", "CIFAR100"])
def name(request, tmp_path, monkeypatch):
    published.cifar(tmp_path / "sets", monkeypatch, request.param)
    return request.param


def test_pixels_and_labels_are_torchvisions(tmp_path, name, run):
    config = config_of(tmp_path / "sets", name)
    record = build_image_table(config, run, lambda *_: None)
    assert record["class_names"] == ["apple", "aquarium fish"]
    rows = {row["image_id"]: row for row in read_splits(run).to_pylist()}
    count = 0
    for train in (True, False):
        for number, (image, label) in enumerate(getattr(datasets, name)(tmp_path / "sets", train=train)):
            row = rows[f"{'train' if train else 'test'}/{number:05d}.png"]
            assert row["label"] == label
            assert (row["split"] == "test") is not train
            np.testing.assert_array_equal(np.asarray(decode_rgb(row["image"])), np.asarray(image))
            count += 1
    assert len(rows) == count
    assert record["images"]["val"] > 0


def test_the_reader_travels_and_the_identity_is_of_no_place(tmp_path, name):
    source = open_source(config_of(tmp_path / "sets", name))
    items = list(source.items())[::-1]
    read = list(pickle.loads(pickle.dumps(source.reader)).read(items))
    assert read == list(source.reader.read(items))
    assert len(set(read)) == len(items) == len(source)
    (tmp_path / "sets").rename(tmp_path / "moved")
    assert open_source(config_of(tmp_path / "moved", name)).identity() == source.identity()


def test_files_that_are_not_the_published_ones_are_not_read(tmp_path, name):
    kind = getattr(datasets, name)
    file = tmp_path / "sets" / kind.base_folder / kind.test_list[0][0]

    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match=r"torchvision cannot read cifar.*corrupted.*data.download=true fetches it"):
        open_source(config_of(tmp_path / "sets", name))
    assert not (tmp_path / "sprung").exists()


def test_a_missing_set_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"has no folder cifar-10-batches-py; expected .* with data_batch_1 to"):
        open_source(config_of(tmp_path, "CIFAR10"))
