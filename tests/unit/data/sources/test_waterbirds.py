"""Waterbirds: published splits, and the group of each image in the image table."""

import pytest

from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.leaks import SHARED_GROUPS
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ConfigError, DataError
from tests.support import published_layouts as published


def config_of(root, **settings):
    data = {"source": "waterbirds", "path": str(root), **settings}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.mark.parametrize("folder", ["", "waterbird_complete95_forest2water2"])
def test_groups_are_in_the_table_and_are_no_leaks(tmp_path, run, folder):
    published.waterbirds(tmp_path / "set" / folder)
    record = build_image_table(config_of(tmp_path / "set"), run, lambda *_: None)
    assert record["class_names"] == ["landbird", "waterbird"]
    assert record["images"] == {"train": 8, "val": 8, "test": 8}
    rows = {row["image_id"]: row for row in read_splits(run).to_pylist()}
    assert rows["000.Bird/2.jpg"]["group"] == "landbird on water"
    assert rows["001.Bird/5.jpg"]["group"] == "waterbird on land"
    assert rows["001.Bird/5.jpg"]["split"] == "val"
    assert {row["group"] for row in rows.values() if row["split"] == "test"} == {
        "landbird on land", "landbird on water", "waterbird on land", "waterbird on water",
    }  # fmt: skip
    assert "in_train_by_group" not in record
    assert SHARED_GROUPS not in run.images.names()
    assert not [line for line in record["told"] if "object" in line]


def test_the_configuration_has_no_objects(tmp_path):
    assert config_of(tmp_path).data.objects == ""
    with pytest.raises(ConfigError, match=r"data.group: waterbirds has groups of its own"):
        config_of(tmp_path, group="(.)")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("split", "fold", r"metadata.csv has no column 'split'; it has img_id, img_filename, y, fold, place"),
        (",1,0,0,", ",7,0,0,", r"'y' of metadata.csv has '7'; accepted are 0, 1"),
        (".jpg,", ".png,", r"none of the 24 images that .*metadata.csv lists in 'img_filename' can be read"),
    ],
)
def test_another_list_is_one_line(tmp_path, before, after, message):
    published.waterbirds(tmp_path)
    text = (tmp_path / "metadata.csv").read_text()
    assert before in text
    (tmp_path / "metadata.csv").write_text(text.replace(before, after))
    with pytest.raises(DataError, match=message) as refusal:
        open_source(config_of(tmp_path))
    assert "\n" not in str(refusal.value)


def test_a_missing_list_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"has no metadata.csv; expected .*unpack the archive"):
        open_source(config_of(tmp_path))
    with pytest.raises(DataError, match=r"nowhere' is not a folder.*expected"):
        open_source(config_of(tmp_path / "nowhere"))
