"""The image table of more images than one process reads: parts as tasks of a cluster."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.cluster.spread import spread_over_cluster
from mmkd_ray.data import reading
from mmkd_ray.data.building import build_image_table, images_to_read
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import DataError
from mmkd_ray.stages import images as stage
from tests.support.pictures import SPLIT_FOLDERS, fill_tree
from tests.unit.data.test_building import config_for, no_progress


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Ninety images, in parts of ten."""
    monkeypatch.setattr(reading, "MAX_PART_ROWS", 10)
    fill_tree(tmp_path / "images", SPLIT_FOLDERS, count=15)
    return tmp_path / "images"


def test_many_images_are_read_by_the_cluster_and_the_table_is_the_same(folder, run, tmp_path, ray_cluster, monkeypatch):
    config = config_for(folder, max_bad_fraction=0.1)
    (folder / "val/a/bad.png").write_bytes(b"no picture")
    here = build_image_table(config, run, no_progress)
    monkeypatch.setattr(stage, "HERE", 50)
    other, seen = open_run(str(tmp_path / "elsewhere"), "test"), []
    assert stage.Images().needs_cluster(config, other)
    there = stage.Images().run(config, other, lambda done, total: seen.append((done, total)))
    assert {**there, "told": []} == {**here, "told": []}
    assert seen[-1] == (91, 91)
    assert len(seen) == 10, "counted by parts"
    assert read_splits(other).equals(read_splits(run))
    assert images_to_read(config, other) == 0
    assert not stage.Images().needs_cluster(config, other)


@dataclass(frozen=True)
class Dying:
    """Ends its process the first time."""

    marker: Path

    def __call__(self, piece: int) -> int:
        if piece == 3 and not self.marker.exists():
            self.marker.touch()
            os._exit(1)
        return piece


def test_a_piece_whose_process_dies_is_done_again(ray_cluster, tmp_path):
    done = []
    spread_over_cluster(Dying(tmp_path / "died"), range(12), done.append, retries=1)
    assert (tmp_path / "died").exists()
    assert sorted(done) == list(range(12))


def refuse(limit: int, piece: int) -> int:
    if piece == limit:
        raise DataError("this one is refused")
    return piece


def test_an_error_of_a_piece_is_that_of_the_whole(ray_cluster):
    with pytest.raises(DataError, match=r"^this one is refused$"):
        spread_over_cluster(partial(refuse, 5), range(100), lambda _: None, retries=3)
