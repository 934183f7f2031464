import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mmkd_ray.config import StudentConfig, TrainConfig
from mmkd_ray.data.pixels import Pixels
from mmkd_ray.errors import StudentError
from mmkd_ray.students.model import build_student
from mmkd_ray.students.flips import mirrored_targets
from mmkd_ray.train.lesson import Lesson
from mmkd_ray.train.loop import StudentTrainer, predict

STUDENT = StudentConfig(model="resnet18", model_args={"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}, image_size=16)
GOLDEN = Path(__file__).parents[2] / "golden" / "loss_curve.json"


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pixels(count, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randint(0, 90, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), labels] += 120  # the class is the strongest colour
    return Pixels([str(i) for i in range(count)], ["train"] * count, labels, images)


def trainer(config, *, targets=True, sensitive=(False, False), seed=0, **more):
    torch.manual_seed(seed)
    student = build_student(STUDENT, classes=3, aspects=2)
    train = pixels(48, 0)
    lesson = Lesson(train, pixels(24, 1))
    if targets:
        answers = torch.stack([(train.labels_N == 0).float(), (train.labels_N == 1).float()], dim=1)
        flipped = mirrored_targets(answers.numpy(), how="mask", sensitive_Q=sensitive, mirror_Q=(None, None))
        lesson = replace(lesson, aspect_targets_NQ=answers, mirrored_targets_NQ=torch.from_numpy(flipped))
    lesson = replace(lesson, **more)
    return StudentTrainer(student, student, lesson, config, image_size=16, seed=seed)


CONFIG = TrainConfig(epochs=12, batch_size=16, optimizer="adamw", lr=0.01, alpha=2, crop_scale=(0.7, 1.0))


def run(training, epochs=None):
    while training.epochs_done < (epochs or CONFIG.epochs):
        training.run_epoch()
    return training


def test_it_learns_class_and_aspects():
    student, _ = run(trainer(CONFIG)).best_student()
    held_out = pixels(60, 2)
    class_logits, aspect_logits = predict(student, held_out.images_N3SS)
    assert (class_logits.argmax(1) == held_out.labels_N).float().mean() > 0.9
    assert ((aspect_logits[:, 0] > 0) == (held_out.labels_N == 0)).float().mean() > 0.9


def test_the_same_seed_is_the_same_to_the_bit():
    one, two = run(trainer(CONFIG)), run(trainer(CONFIG))
    for key, value in one.student.state_dict().items():
        assert torch.equal(value, two.student.state_dict()[key]), key


@pytest.mark.parametrize("stop", [1, 7])
def test_resumed_is_unbroken_to_the_bit(stop, tmp_path):
    unbroken = run(trainer(CONFIG))
    broken = run(trainer(CONFIG), epochs=stop)
    torch.save(broken.state_dict(), tmp_path / "state.pt")
    resumed = trainer(CONFIG, seed=0)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    run(resumed)
    assert [epoch["loss"] for epoch in resumed.history] == [epoch["loss"] for epoch in unbroken.history]
    for key, value in unbroken.best_student()[0].state_dict().items():
        assert torch.equal(value, resumed.best_student()[0].state_dict()[key]), key


def test_the_best_on_validation_is_kept():
    training = run(trainer(CONFIG))
    best = max(epoch["val_top1"] for epoch in training.history)
    student, epoch = training.best_student()
    assert training.history[epoch]["val_top1"] == best
    held_out = pixels(24, 1)
    class_logits, _ = predict(student, held_out.images_N3SS)
    assert (class_logits.argmax(1) == held_out.labels_N).double().mean().item() == best


def test_flipped_images_do_not_teach_orientation():
    always_flipped = CONFIG.model_copy(update={"flip": 1.0, "epochs": 1})
    blind = trainer(always_flipped, sensitive=(True, True))
    plain = trainer(always_flipped, targets=False)
    # With every target masked, alpha x 0 is added: the class loss alone is left.
    assert blind.run_epoch()["loss"] == pytest.approx(plain.run_epoch()["loss"], rel=1e-5)
    taught = trainer(always_flipped, sensitive=(False, True))
    assert taught.run_epoch()["loss"] > plain.history[0]["loss"] + 0.1


def test_divergence_is_one_clear_line():
    with pytest.raises(StudentError, match=r"the loss is (nan|inf) in epoch \d: lower train.lr"):
        run(trainer(TrainConfig(epochs=6, batch_size=16, lr=1e6, alpha=1e6)))


def test_the_golden_curve():
    """Losses of a fixed training, under version control: a change of the method shows here first."""
    losses = [epoch["loss"] for epoch in run(trainer(CONFIG)).history]
    assert losses == pytest.approx(json.loads(GOLDEN.read_text()), rel=2e-3)
