"""Students trained by Ray Train on a real cluster, several workers each."""

import time
from pathlib import Path

import pytest
import ray

from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import ArtifactError, StudentError
from mmkd_ray.study.students import list_students
from mmkd_ray.train.stage import run_study
from tests.support.events import scalars
from tests.support.search_run import make
from tests.support.tables import replace_images


def study(tmp_path, cpus, *, workers=None, **train):
    """One student, trained by as many workers as there are, up to more than there are; its student and its run."""
    run = open_run(str(tmp_path / "runs"), "test")
    config = make(
        tmp_path, run, readable=True, study={"arms": ["makd"], "seeds": [0]},
        cluster={"train_workers": workers or [1, cpus + 1], "lanes": 1},
        train={"epochs": 2, "batch_size": 4 * cpus, **train},
    )  # fmt: skip
    (spec,) = run_study(config, run, lambda *_: None)
    return spec, run


@pytest.fixture(scope="module")
def cpus(ray_cluster):
    return int(ray.cluster_resources()["CPU"])


def test_it_takes_what_the_cluster_has(cpus, tmp_path):
    spec, run = study(tmp_path, cpus)
    assert spec.folder(run).record()["workers"] == cpus
    (curves,) = Path(run.study.child("tensorboard").path).iterdir()
    assert curves.name.startswith("makd-seed0-")
    assert {name: [step for step, _ in values] for name, values in scalars(curves).items()} == {
        "loss": [0, 1], "lr": [0, 1], "val_top1": [0, 1]
    }  # fmt: skip


def test_what_a_restart_cannot_mend_is_not_tried_again_and_again(cpus, tmp_path):
    started = time.monotonic()
    with pytest.raises(StudentError, match=r"makd seed 0: the loss (is|has grown) .*: lower train.lr"):
        study(tmp_path, cpus, lr=1e9)
    assert time.monotonic() - started < 75


def test_a_student_whose_images_were_replaced_meanwhile_is_not_recorded(cpus, tmp_path):
    """What a second driver does that the lease did not keep out."""
    run = open_run(str(tmp_path / "runs"), "test")
    config = make(tmp_path, run, readable=True, study={"arms": ["makd"], "seeds": [0]}, train={"epochs": 60})
    (spec,) = list_students(config, run)

    replaced = []

    def disturb(done, *_):
        if done and not replaced:
            replaced.append(replace_images(run))

    with pytest.raises(ArtifactError, match=r"the images of .* were replaced while they were in use"):
        run_study(config, run, disturb)
    assert replaced
    assert not spec.folder(run).record()
    assert not run.study.record()


def test_an_error_of_ours_is_tried_once_more_and_not_max_failures_times(cpus, tmp_path):
    """A file lies where TensorBoard's folder should be."""
    run = open_run(str(tmp_path / "runs"), "test")
    Path(run.study.path).mkdir(parents=True)
    Path(run.study.child("tensorboard").path).write_text("")
    with pytest.raises(StudentError, match=r"failed twice in the same way in epoch 0: (FileExists|NotADirectory)Error"):
        study(tmp_path, cpus, workers=1)
