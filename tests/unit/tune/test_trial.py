import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mmkd_ray.config import with_values
from mmkd_ray.data.feed.pixels import load_pixels
from mmkd_ray.data.fit import Fit
from mmkd_ray.students.model import student_input
from mmkd_ray.study.students import list_students
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer
from mmkd_ray.train.study_data import StudyData
from mmkd_ray.tune.opening import open_search
from mmkd_ray.tune.worker import SearchWorker
from tests.support.events import scalars
from tests.support.search_run import make
from tests.support.tables import replace_images

TUNE = {"seeds": [0, 3], "space": {"train.alpha": {"uniform": [0, 9]}, "aspects.count": {"choice": [2, 8]}}}


@pytest.fixture
def worker(tmp_path, run):
    """Makes workers as Ray does, but in this process."""
    config = make(tmp_path, run, tune=TUNE)
    search = open_search(config, run)
    shared = {"base": config, "run": run, "aspects": search.aspects, "inputs": search.inputs, "larger": None}

    numbers = itertools.count()

    def begin(**values):
        # Not by __init__, which makes folders at home.
        worker = SearchWorker.__new__(SearchWorker)
        worker._trial_info = SimpleNamespace(trial_id=f"{next(numbers)}", trial_name="alpha=4,1")
        worker.setup({"train.alpha": 4.0, "aspects.count": 2} | values, **shared)
        return worker

    begin.config = config
    return begin


def steps(worker, count):
    return [worker.step() for _ in range(count)]


def test_a_trial_is_what_train_would_train(worker, run):
    config = with_values(worker.config, {"train.alpha": 2.5, "aspects.count": 8, "study.seeds": [0, 3]}, where="")
    curves = []
    for spec in [spec for spec in list_students(config, run) if spec.arm == "makd"]:
        study_data = StudyData(run)
        student = study_data.new_student(spec)
        size = student_input(config.student).size
        trainer = StudentTrainer(
            student,
            student,
            study_data.training_set(spec),
            config.train,
            task=CLASSIFY,
            image_size=size,
            seed=spec.seed,
        )
        curves.append([trainer.run_epoch()["val_top1"] for _ in range(config.train.epochs)])
    best = [sum(max(curve[: epoch + 1]) for curve in curves) / 2 for epoch in range(config.train.epochs)]
    results = steps(worker(**{"train.alpha": 2.5, "aspects.count": 8}), config.train.epochs)
    assert [result["value"] for result in results] == pytest.approx(best)
    assert [result["done"] for result in results] == [False, False, False, True]
    assert results[-1]["curve"] == pytest.approx(best)
    assert results[-1]["training_iteration"] == 4


def test_test_images_are_never_decoded(worker, run):
    assert steps(worker(), 4)[-1]["done"]
    with pytest.raises(Exception, match="image"):
        load_pixels(run, ["test"], Fit("crop", 16, "bicubic"))


def test_a_process_takes_the_next_trial_with_its_images(worker, monkeypatch):
    fresh = steps(worker(**{"aspects.count": 8}), 4)
    reused = worker()
    steps(reused, 2)
    monkeypatch.setattr("mmkd_ray.train.study_data.load_pixels", None)
    assert reused.reset_config({"train.alpha": 4.0, "aspects.count": 8})
    again = steps(reused, 4)
    for key in ("curve", "loss", "training_iteration"):
        assert [result[key] for result in again] == [result[key] for result in fresh]
    assert again[0]["started"] > fresh[0]["started"]


def test_a_trial_continues_from_its_checkpoint(worker, tmp_path):
    unbroken = steps(worker(), 4)
    broken = worker()
    begun = steps(broken, 2)[-1]["started"]
    broken.save_checkpoint(str(tmp_path))
    other = worker(**{"aspects.count": 8})
    other.reset_config({"train.alpha": 4.0, "aspects.count": 2})
    other.load_checkpoint(str(tmp_path))
    continued = steps(other, 2)
    assert continued[-1]["curve"] == unbroken[-1]["curve"]
    assert continued[-1]["loss"] == unbroken[-1]["loss"]
    assert continued[-1]["started"] == begun


def test_tensorboard_has_each_epoch_of_a_trial_once_also_after_an_interruption(worker, run, tmp_path):
    broken = worker()
    results = steps(broken, 2)
    broken.save_checkpoint(str(tmp_path))
    steps(broken, 1)  # of which nothing is kept but this
    other = worker()
    other.load_checkpoint(str(tmp_path))
    results += steps(other, 2)
    other.cleanup()
    curves = scalars(Path(run.tune.child("trials", "alpha=4,1").path))
    assert curves["loss"] == [(step, pytest.approx(result["loss"])) for step, result in enumerate(results)]
    assert curves["val_top1"] == [(step, pytest.approx(result["now"])) for step, result in enumerate(results)]


def test_a_student_that_cannot_be_built_is_a_failed_trial(worker):
    result = worker(**{"student.model": "resnet81"}).step()
    assert result["done"]
    assert result["value"] == float("-inf")
    assert "timm has no model 'resnet81'" in result["failure"]


def test_a_loss_that_diverges_is_a_failed_trial_with_what_it_had_reached(worker, monkeypatch):
    diverging = worker()
    first = diverging.step()
    monkeypatch.setattr(
        "mmkd_ray.train.loop.hybrid_loss", lambda *_, **__: torch.tensor(float("nan"), requires_grad=True)
    )
    result = diverging.step()
    assert result["done"]
    assert result["failure"]
    assert result["value"] == first["value"]


def test_a_trial_on_images_of_another_search_is_a_failure(worker, run):
    replace_images(run)
    (result,) = steps(worker(), 1)
    assert "the images of" in result["failure"]
    assert "were replaced while they were in use" in result["failure"]
