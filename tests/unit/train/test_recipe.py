import pytest
from torch import nn

from mmkd_ray.config import TrainConfig
from mmkd_ray.train.recipe import learning_rate, make_optimizer


def test_the_papers_steps():
    config = TrainConfig(schedule="step", lr=0.01, epochs=240)
    rates = [learning_rate(config, epoch) for epoch in (0, 149.9, 150, 180, 239)]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-3, 1e-4, 1e-5])


def test_cosine_with_warm_up():
    config = TrainConfig(schedule="cosine", lr=1.0, epochs=12, warmup_epochs=2)
    assert [learning_rate(config, epoch) for epoch in (0, 1, 2, 7, 12)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_optimizers_take_their_settings():
    model = nn.Linear(2, 2)
    sgd = make_optimizer(model, TrainConfig(lr=0.5, momentum=0.8, weight_decay=0.1)).param_groups[0]
    assert (sgd["lr"], sgd["momentum"], sgd["weight_decay"]) == (0.5, 0.8, 0.1)
    assert type(make_optimizer(model, TrainConfig(optimizer="adamw"))).__name__ == "AdamW"
