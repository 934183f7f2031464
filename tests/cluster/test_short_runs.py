"""Runs that end as they should leave nothing running; SHORT_RUNS=20 in the environment tries more of them."""

import os

import pytest

from tests.support.processes import marked, run_mmkd

pytestmark = pytest.mark.cluster

RUNS = int(os.environ.get("SHORT_RUNS", "1"))


@pytest.mark.parametrize("seed", range(RUNS))
def test_no_process_is_left_ten_seconds_after_a_short_run(repository, tmp_path, seed):
    small = [f"data.{split}_per_class={1 + 5 * (split == 'train')}" for split in ("train", "val", "test", "shift")]
    arguments = ("configs/quickstart.yaml", f"storage.path={tmp_path}", f"data.image_seed={seed}", *small)
    with marked() as processes:
        for stage in ("images", "extract"):
            ended = run_mmkd(processes, stage, *arguments, "teacher={kind: no_inference}", cwd=repository)
            assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "\ncluster " in ended.stdout
        assert processes.wait_until_gone(10, 10) == []
