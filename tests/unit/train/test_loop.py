import json
from functools import partial
from pathlib import Path

import pytest
import torch

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.feed.order import epoch_batches
from mmkd_ray.errors import StudentError
from mmkd_ray.students.outputs import BATCH, outputs
from mmkd_ray.students.targets.distillation import (
    DecoupledDistillation,
    Distillation,
    StandardisedDistillation,
)
from mmkd_ray.students.targets.labels import Labels
from mmkd_ray.students.targets.zero_shot import ZeroShot
from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer
from tests.support.toy_student import CONFIG, WITHOUT_BATCH_NORM, pixels, run, student, trainer, training_set

GOLDEN = Path(__file__).parents[2] / "golden" / "loss_curve.json"


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_it_learns_class_and_aspects():
    taught, _ = run(trainer(CONFIG)).best_student()
    held_out = pixels(60, 2)
    class_logits, aspect_logits = outputs(taught, held_out.in_batches(BATCH))
    assert (class_logits.argmax(1) == held_out.labels_N).float().mean() > 0.9
    assert ((aspect_logits[:, 0] > 0) == (held_out.labels_N == 0)).float().mean() > 0.9


def test_the_same_seed_is_the_same_to_the_bit():
    one, two = run(trainer(CONFIG)), run(trainer(CONFIG))
    for key, value in one.student.state_dict().items():
        assert torch.equal(value, two.student.state_dict()[key]), key


WITH_STATE = CONFIG.model_copy(update={"ema_decay": 0.9, "clip_grad_norm": 1.0, "precision": "bfloat16"})


@pytest.mark.parametrize(("config", "stop"), [(CONFIG, 1), (CONFIG, 7), (WITH_STATE, 7)])
def test_resumed_is_unbroken_to_the_bit(config, stop, tmp_path):
    unbroken = run(trainer(config))
    broken = run(trainer(config), epochs=stop)
    torch.save(broken.state_dict(), tmp_path / "state.pt")
    resumed = trainer(config, seed=0)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    run(resumed)
    assert [epoch["loss"] for epoch in resumed.history] == [epoch["loss"] for epoch in unbroken.history]
    for key, value in unbroken.best_student()[0].state_dict().items():
        assert torch.equal(value, resumed.best_student()[0].state_dict()[key]), key


class StoppedError(Exception):
    pass


@pytest.mark.parametrize(("epoch", "step"), [(0, 1), (3, 2)])
@pytest.mark.parametrize("config", [CONFIG, WITH_STATE, CONFIG.model_copy(update={"views": "torchvision", "mixup": 1})])
def test_an_epoch_that_is_continued_in_its_middle_is_unbroken_to_the_bit(config, epoch, step, tmp_path):
    unbroken, broken = run(trainer(config)), run(trainer(config), epochs=epoch)
    seen = []

    def stop():
        seen.append(torch.rand(()))  # whoever draws as dropout does
        if len(seen) == step:
            torch.save(broken.state_dict(), tmp_path / "state.pt")
            raise StoppedError

    with pytest.raises(StoppedError):
        broken.run_epoch(stop)
    resumed = trainer(config, seed=0)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    torch.rand(5)
    seen.clear()
    resumed.run_epoch(lambda: seen.append(torch.rand(())))
    run(resumed)
    assert [epoch["loss"] for epoch in resumed.history] == [epoch["loss"] for epoch in unbroken.history]
    for key, value in unbroken.best_student()[0].state_dict().items():
        assert torch.equal(value, resumed.best_student()[0].state_dict()[key]), key
    assert resumed.continued_at == [epoch]


def test_the_best_on_validation_is_kept():
    training = run(trainer(CONFIG))
    best = max(epoch["val_top1"] for epoch in training.history)
    kept, epoch = training.best_student()
    assert training.history[epoch]["val_top1"] == best
    held_out = pixels(24, 1)
    class_logits, _ = outputs(kept, held_out.in_batches(BATCH))
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
        run(trainer(TrainConfig(epochs=6, batch_size=16, lr=1e6, alpha=1e6)), 6)


def test_a_loss_that_grows_beyond_hope_is_one_clear_line_too():
    training = trainer(CONFIG)
    training.run_epoch()
    training.history[0]["loss"] = 1e-3  # as if it had begun well: the limit is 100 x max(first loss, 1)
    training._training_set.train.images_M3SS.zero_()
    training._config = CONFIG.model_copy(update={"alpha": 1e4})
    with pytest.raises(StudentError, match=r"the loss has grown from 0.001 to .* by epoch 1: lower train.lr"):
        training.run_epoch()


def test_the_moving_average_is_what_is_validated_and_kept():
    frozen = run(trainer(CONFIG.model_copy(update={"ema_decay": 1 - 1e-9})), 2)
    moved = run(trainer(CONFIG), 2)
    key = "backbone.fc.weight"
    assert torch.equal(frozen.student.state_dict()[key], moved.student.state_dict()[key])
    assert not torch.equal(frozen.best_student()[0].state_dict()[key], moved.best_student()[0].state_dict()[key])
    learnt = run(trainer(CONFIG.model_copy(update={"ema_decay": 0.8})))
    assert max(epoch["val_top1"] for epoch in learnt.history) > 0.9


def test_a_clipped_gradient_moves_no_further():
    config = CONFIG.model_copy(update={"optimizer": "sgd", "momentum": 0.0, "lr": 1.0, "weight_decay": 0.0})
    config = config.model_copy(update={"clip_grad_norm": 1e-3, "epochs": 1000})
    training = trainer(config)
    before = torch.cat([weight.detach().flatten().clone() for weight in training.student.parameters()])
    training.run_epoch()  # three steps
    after = torch.cat([weight.detach().flatten() for weight in training.student.parameters()])
    assert 0 < (after - before).norm() <= 3 * 1e-3 * 1.001


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_and_keeps_float32_weights(precision):
    training = run(trainer(CONFIG.model_copy(update={"precision": precision})))
    assert training.history[-1]["val_top1"] > 0.9
    assert {weight.dtype for weight in training.student.parameters()} == {torch.float32}
    made = student(WITHOUT_BATCH_NORM)
    full = run(StudentTrainer(made, made, training_set(), CONFIG, task=CLASSIFY, image_size=16, seed=0), 1).history[0][
        "loss"
    ]
    assert training.history[0]["loss"] != full
    assert training.history[0]["loss"] == pytest.approx(full, rel=0.05)


NOTHING = Labels(label_smoothing=1.0)
"""Labels that say nothing: all smoothed away."""


@pytest.mark.parametrize("source", [Distillation, StandardisedDistillation, partial(DecoupledDistillation, beta=8.0)])
def test_a_larger_student_teaches_what_the_labels_do_not(source):
    """Its pupil learns the classes from it alone."""
    larger, _ = run(trainer(CONFIG)).best_student()
    larger.requires_grad_(False)
    classes = source(label_smoothing=1.0, larger=larger, weight=1.0, temperature=2.0)
    pupil = run(trainer(CONFIG, targets=False, classes=classes))
    assert pupil.history[-1]["val_top1"] > 0.9
    alone = run(trainer(CONFIG, targets=False, classes=NOTHING))
    assert alone.history[-1]["val_top1"] < 0.7


def test_class_probabilities_are_taught():
    targets = torch.nn.functional.one_hot(pixels(48, 0).labels_N, 3).float()
    classes = ZeroShot(label_smoothing=1.0, targets_NC=targets, weight=1.0)
    assert run(trainer(CONFIG, targets=False, classes=classes)).history[-1]["val_top1"] > 0.9


def test_mirrored_views_are_taught_the_mirrored_targets():
    always_flipped = CONFIG.model_copy(update={"flip": 1.0})
    plain = trainer(always_flipped)
    swapped = plain._training_set.aspect_targets_NQ.flip(1)
    training = run(trainer(always_flipped, mirrored_targets_NQ=swapped))
    images = pixels(60, 2)
    _, aspect_logits = outputs(training.best_student()[0], images.in_batches(BATCH))
    assert ((aspect_logits[:, 1] > 0) == (images.labels_N == 0)).float().mean() > 0.9


@pytest.mark.parametrize("kind", [{"mixup": 1.0}, {"cutmix": 1.0}])
def test_classes_and_aspects_are_mixed_as_the_images_are(kind):
    """Flat images of one colour a class: what is in an image says how much of each class is."""
    config = TrainConfig(batch_size=6, brightness=0, **kind)
    training = trainer(config)
    train = training._training_set.train
    train.images_M3SS[:] = 0
    train.images_M3SS[torch.arange(48), train.labels_N] = 255
    for batch in epoch_batches(48, config, seed=0, epoch=0):
        prepared = training.prepare(batch)
        assert len(prepared.images_BCHW) == 6
        shares_BC = prepared.images_BCHW.mean(dim=(2, 3))
        torch.testing.assert_close(prepared.labels_B, shares_BC)
        torch.testing.assert_close(prepared.aspect_targets_BQ, shares_BC[:, :2])
        assert torch.isfinite(training.step(prepared))


def test_mixed_batches_are_learnt_from_by_any_number_of_workers_alike():
    config = CONFIG.model_copy(update={"cutmix": 1.0})
    whole = trainer(config).prepare(next(epoch_batches(48, config, seed=0, epoch=0)))
    parts = [
        trainer(config).prepare(next(epoch_batches(48, config, seed=0, epoch=0, rank=rank, workers=3)))
        for rank in range(3)
    ]
    for name in ("images_BCHW", "labels_B", "aspect_targets_BQ"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(part, name) for part in parts])), name


def test_the_golden_curve():
    """Losses of a fixed training, under version control: a change of the method shows here first."""
    losses = [epoch["loss"] for epoch in run(trainer(CONFIG)).history]
    assert losses == pytest.approx(json.loads(GOLDEN.read_text()), rel=2e-3)


def test_the_gradient_of_uneven_shares_is_that_of_the_whole_batch():
    made = student(WITHOUT_BATCH_NORM)
    config = CONFIG.model_copy(update={"batch_size": 16})

    def gradient(rank, workers):
        shared = {"task": CLASSIFY, "image_size": 16, "seed": 0}
        training = StudentTrainer(made, made, training_set(), config, **shared, rank=rank, workers=workers)
        batch = next(epoch_batches(48, config, seed=0, epoch=0, rank=rank, workers=workers))
        prepared = training.prepare(batch)
        made.zero_grad()
        (prepared.weight * training._loss(prepared)).backward()
        return torch.cat([weight.grad.flatten() for weight in made.parameters()])

    whole = gradient(0, 1)
    averaged = torch.stack([gradient(rank, 3) for rank in range(3)]).mean(dim=0)
    torch.testing.assert_close(averaged, whole, rtol=1e-4, atol=1e-6)
