"""The images of a split as the intervals need them: in one order, and by object."""

import numpy as np
import pytest

from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.table import read_splits
from mmkd_ray.evaluate.evaluation import evaluation_identity
from mmkd_ray.evaluate.images import read_measured_images
from tests.support.pictures import fill_tree


@pytest.fixture
def configured(tmp_path):
    fill_tree(tmp_path / "tree", [f"{split}/{name}" for split in ("train", "val", "test") for name in "ab"], count=4)

    def configure(**data):
        tree = {"source": "folder", "path": str(tmp_path / "tree"), **data}
        return validate({"name": "t", "data": tree, "aspects": {"source": "fieldguide"}})

    return configure


def test_values_come_into_the_order_of_the_table(configured, run):
    build_image_table(configured(), run, lambda *_: None)
    (images,) = read_measured_images(run, ["test"], has_groups=False).values()
    assert images.clusters_N.tolist() == list(range(8))
    mixed = read_splits(run, ["test"], columns=["image_id"])["image_id"].to_pylist()[::-1]
    assert images.in_order(np.arange(8.0), mixed).tolist() == [
        7,
        6,
        5,
        4,
        3,
        2,
        1,
        0,
    ]


def test_images_of_one_object_are_one_cluster_and_those_without_are_their_own(configured, run):
    config = configured(group=r"/(a/[01])")
    build_image_table(config, run, lambda *_: None)
    (images,) = read_measured_images(run, ["test"], has_groups=True).values()
    names = images.image_ids
    assert len(set(images.clusters_N.tolist())) == 8, "a/0 and a/1 are one image each, and six show no known object"
    config = configured(group=r"/([ab])/")
    build_image_table(config, run, lambda *_: None)
    (images,) = read_measured_images(run, ["test"], has_groups=True).values()
    assert images.clusters_N.tolist() == [0] * 4 + [1] * 4
    assert names == images.image_ids


def test_results_by_object_are_other_results(configured):
    assert evaluation_identity(configured(group="(a)"), []).key != evaluation_identity(configured(), []).key
