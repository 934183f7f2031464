import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import CutMix, MixUp

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.mixing import Mix, draw_mix

IMAGES = torch.rand(5, 3, 20, 20, generator=torch.Generator().manual_seed(0))
TARGETS = torch.rand(5, 4, generator=torch.Generator().manual_seed(1))


def with_neighbour(values):
    """As a batch comes: what its first row is mixed with stands before it."""
    return torch.cat([values[-1:], values])


def test_mixup_is_torchvisions():
    theirs = MixUp(num_classes=4).transform(IMAGES, {"labels": None, "batch_size": 5, "lam": 0.3})
    mix = Mix(0.3)
    torch.testing.assert_close(mix.images(with_neighbour(IMAGES)), theirs)
    expected = 0.3 * TARGETS + 0.7 * TARGETS.roll(1, 0)
    torch.testing.assert_close(mix.targets(with_neighbour(TARGETS), size=20), expected)


@pytest.mark.parametrize("centre", [(0.5, 0.4), (0.01, 0.99)])
def test_cutmix_is_torchvisions(centre):
    mix = Mix(0.6, centre)
    box = mix._box(20)
    theirs = CutMix(num_classes=4).transform(IMAGES, {"labels": None, "batch_size": 5, "box": box})
    torch.testing.assert_close(mix.images(with_neighbour(IMAGES)), theirs)
    pasted = (box[2] - box[0]) * (box[3] - box[1]) / 400
    assert 0 < pasted <= 0.4
    expected = (1 - pasted) * TARGETS + pasted * TARGETS.roll(1, 0)
    torch.testing.assert_close(mix.targets(with_neighbour(TARGETS), size=20), expected)


def test_what_is_not_taught_of_one_is_not_taught_of_the_mixed():
    targets = TARGETS.clone()
    targets[1, 2] = torch.nan
    mixed = Mix(0.5).targets(with_neighbour(targets), size=20)
    assert mixed.isnan().nonzero().tolist() == [[1, 2], [2, 2]]


def test_draws_are_the_batchs_own_and_both_kinds_occur():
    config = TrainConfig(mixup=0.8, cutmix=1.0)
    draws = [draw_mix(config, 0, 1, step) for step in range(200)]
    assert draws == [draw_mix(config, 0, 1, step) for step in range(200)]
    assert 70 < sum(draw.centre is None for draw in draws) < 130
    assert abs(np.mean([draw.own for draw in draws]) - 0.5) < 0.06
    assert draw_mix(TrainConfig(), 0, 0, 0) is None
    assert draw_mix(TrainConfig(mixup=0.8), 0, 0, 0).centre is None
    assert draw_mix(TrainConfig(cutmix=0.8), 0, 0, 0).centre is not None
