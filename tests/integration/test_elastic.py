"""A student is trained by as many workers as the cluster has, between the least and the most configured."""

import ray

from mmkd_ray.artifacts import open_run
from mmkd_ray.train.study import run_study
from tests.unit.tune.searched import make


def test_it_takes_what_the_cluster_has(ray_cluster, tmp_path):
    cpus = int(ray.cluster_resources()["CPU"])
    run = open_run(str(tmp_path / "runs"), "test")
    config = make(
        tmp_path, run, readable=True, study={"arms": ["makd"], "seeds": [0]},
        cluster={"train_workers": [1, cpus + 1], "lanes": 1},
        train={"epochs": 2, "batch_size": 4 * cpus},
    )  # fmt: skip
    (cell,) = run_study(config, run, lambda *_: None)
    assert cell.folder(run).record()["workers"] == cpus
