"""Damage and a full disk where workers of a real cluster meet them."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.data.building import build_image_table
from mmkd_ray.errors import ArtifactError, DamagedError
from mmkd_ray.extract.stage import ask_teacher
from mmkd_ray.train.stage import run_study
from tests.integration.test_extract_stage import WITHOUT_INFERENCE, config_for, write_folder
from tests.support.search_run import make
from tests.support.small_disk import small_disk


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("what", ["bytes of an image", "a block"])
def test_a_damaged_image_is_never_asked_about_and_its_file_is_named(tmp_path, what):
    write_folder(tmp_path / "images", 4)
    config, run = config_for(tmp_path / "images", teacher=WITHOUT_INFERENCE), open_run(str(tmp_path / "runs"), "t")
    build_image_table(config, run, lambda *_: None)
    path = Path(run.images.child("table", "train").path, "part-00000.parquet")
    column = pq.read_metadata(path).row_group(0).column(1)
    assert column.path_in_schema == "image"
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    middle = start + column.total_compressed_size // 2
    if what == "a block":
        content[start:middle] = bytes(middle - start)
    else:
        content[middle] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"shared/images/.* is damaged \(.*\): delete .* run `mmkd images CONFIG`"):
        ask_teacher(config, run, lambda *_: None)


@pytest.mark.usefixtures("ray_cluster")
def test_a_disk_that_is_full_while_students_learn_is_one_line(tmp_path):
    with small_disk(tmp_path / "disk", kib=400) as disk:
        run = open_run(str(disk / "runs"), "test")
        sections = {"study": {"arms": ["makd"], "seeds": [0]}, "train": {"epochs": 2, "batch_size": 8}}
        config = make(tmp_path, run, readable=True, **sections, cluster={"train_workers": 1, "lanes": 1})
        Path(disk, "filler").write_bytes(b"x" * 200_000)
        with pytest.raises(ArtifactError, match=r"storage: no space left.*MiB free\): free some"):
            run_study(config, run, lambda *_: None)
