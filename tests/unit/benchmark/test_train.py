import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mmkd_ray.benchmark import accelerator, fieldguide_run, our_training, plain_training, train
from mmkd_ray.benchmark.bench import Bench
from mmkd_ray.data.feed import seeing
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer

TINY = {"model": "resnet18", "model_args": {"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}, "image_size": 32}


@pytest.fixture(autouse=True)
def threads_as_before():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    made = fieldguide_run.study(
        tmp_path_factory.mktemp("runs"), "tiny", per_class={"train": 2}, student=TINY, train={"batch_size": 8}
    )
    fieldguide_run.write_run(made)
    return made


def test_samples_a_second_leave_out_the_warm_up_and_what_lies_between_epochs():
    # 2 steps between ends, of 0.5 s; the first epoch slow, a pause of 100 s before each.
    ends = [[0.0, 9.0, 18.0], [118.0, 118.5, 119.0], [219.0, 219.5, 220.0]]
    assert train.samples_per_s(ends, 64) == pytest.approx(128)


def test_data_wait_is_from_the_end_of_a_step_to_the_next_forward_pass():
    begins = [[0.0, 0.0], [5.0, 7.1, 8.3]]
    ends = [[0.0, 0.0], [7.0, 8.0, 9.0]]
    assert train.wait_share(begins, ends) == pytest.approx((0.1 + 0.3) / 2)


def test_epoch_rates_leave_out_the_first_epoch():
    assert train.epoch_rate([99.0, 2.0, 2.0, 4.0], 100) == 50
    assert train.interval_rate([50.0, 52.0, 54.0, 59.0], 100) == 50


def test_a_ratio_is_made_round_by_round():
    bench = Bench(True, Path(), lambda _: None)
    rounds = train._paired(bench, "s: ours", "s: plain", [(1, 2), (3, 2), (9, 10)], "s", label="r")
    assert rounds == [0.5, 1.5, 0.9]
    assert [measured.name for measured in bench.measurements] == ["s: ours", "s: plain", "s: `r`, round by round"]


def test_the_worst_student_is_quoted():
    measured = {
        "small": {"step_over_plain": [1.1, 1.2], "data_wait_share": [0.01, 0.02], "ddp2_over_torchrun2": [1.0, 1.1]},
        "large": {"step_over_plain": [0.9, 1.0], "data_wait_share": [0.001, 0.002]},
    }
    ratios = {ratio.name: ratio for ratio in train._ratios(measured)}
    assert (ratios["step_over_plain"].row, ratios["step_over_plain"].reached) == ("large", False)
    assert (ratios["data_wait_share"].row, ratios["data_wait_share"].reached) == ("small", True)
    assert ratios["ddp2_over_torchrun2"].rows == {"small": [1.0, 1.1]}
    assert ratios["step_over_plain_one_core"].median is None


def test_the_rival_owes_the_package_nothing():
    tree = ast.parse(Path(plain_training.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not [module for module in modules if module.startswith(("mmkd_ray", "ray"))]


def test_the_rival_learns_the_same_lesson(config, tmp_path):
    spec = our_training.export_lesson(config, str(tmp_path / "training_set.pt"))
    more = {"epochs": 2, "loaders": 1, "checkpoint": str(tmp_path / "c.pt"), "core": None}
    place = tmp_path / "spec.json"
    place.write_text(json.dumps({**spec, **more, "output": str(tmp_path / "times.json")}))
    subprocess.run([sys.executable, plain_training.__file__, str(place)], check=True, capture_output=True)
    times = json.loads((tmp_path / "times.json").read_text())
    assert [len(epoch) for epoch in times["ends"]] == [6, 6]  # 48 images, 8 a step
    assert len(times["epoch_s"]) == len(times["epoch_ends"]) == 2
    assert 0 < times["first_batch_s"] < times["epoch_s"][0] + 60
    assert (tmp_path / "c.pt").exists()


def test_its_views_are_drawn_as_ours_are():
    """The same crops, flips and light: no less work for either."""
    torch.manual_seed(0)
    image = torch.full((3, 64, 64), 100, dtype=torch.uint8)
    image[:, :, :32] = 200
    spec = {"size": 32, "crop_scale": (0.5, 1.0), "flip": 0.5, "brightness": 0.2, "batch_size": 4, "loaders": 0}
    training_set = {"images": image.expand(64, 3, 64, 64), "labels": torch.zeros(64), "targets": torch.zeros(64, 2)}
    same = plain_training.v2.Normalize(mean=[0.0] * 3, std=[1.0] * 3)
    seen = torch.cat([images for images, _, _ in plain_training._loader(spec, training_set, same, 0, 1)])
    assert seen.shape == (64, 3, 32, 32)
    brightest = seen.amax(dim=(1, 2, 3))
    assert 200 / 255 * 0.79 <= brightest.min() < brightest.max() <= 200 / 255 * 1.21
    flipped = seen[:, 0, :, -1].mean(dim=1) > seen[:, 0, :, 0].mean(dim=1)
    assert 16 < flipped.sum() < 48


def test_timing_changes_nothing(config):
    cell, study_data = our_training._opened(config, None)

    def losses(kind):
        student = study_data.new_student(cell)
        trainer = kind(student, student, study_data.training_set(cell), config.train,
                       task=CLASSIFY, image_size=32, seed=0)  # fmt: skip
        return [trainer.run_epoch()["loss"] for _ in range(2)], trainer

    plain, _ = losses(StudentTrainer)
    timed, trainer = losses(our_training.TimedTrainer)
    assert timed == plain
    assert [len(epoch) for epoch in trainer.ends] == [6, 6]
    for begin, end in zip(trainer.begins, trainer.ends, strict=True):
        assert all(a < b for a, b in zip(begin, end, strict=True))


def test_waiting_for_data_is_seen(config, monkeypatch):
    """Compared with each other only: on a busy machine a step takes as long as it likes."""
    quick = our_training.time_steps(config, 2, None)
    views = seeing.apply_views
    monkeypatch.setattr(seeing, "apply_views", lambda *args, **named: time.sleep(0.1) or views(*args, **named))
    slow = our_training.time_steps(config, 2, None)
    assert train.wait_share(quick["begins"], quick["ends"]) < train.wait_share(slow["begins"], slow["ends"])
    assert quick["first_batch_s"] > 0


def test_steps_with_and_without_aspects_are_timed(config):
    pairs = our_training.time_aspects(config, 2)
    assert len(pairs) == 2
    assert all(0 < seconds < 10 for pair in pairs for seconds in pair)


def test_the_answers_are_the_true_ones(config):
    cell, study_data = our_training._opened(config, None)
    training_set = study_data.training_set(cell)
    drawn = {
        image.image_id: image.attributes
        for image in fieldguide_run.fieldguide.images(species_seed=0, seed=0, per_class={"train": 2})
    }
    ids = [question.id for question in fieldguide_run.fieldguide.QUESTIONS]
    truth = torch.tensor([[drawn[image][key] for key in ids] for image in training_set.train.image_ids])
    torch.testing.assert_close(training_set.aspect_targets_NQ, torch.where(truth, 0.95, 0.05))


def test_what_is_measured_on_an_accelerator_runs_on_a_cpu():
    setting = accelerator.Setting(
        device="cpu", compiled=False, image_size=32, batch_size=4, images=8, warm_up=1, steps=1
    )
    torch.set_num_threads(1)
    ((ours, bare),) = accelerator.throughput("resnet18", 1, setting)
    assert ours > 0
    assert bare > 0
