import numpy as np
import pytest
import torch

from mmkd_ray.config import EvaluateConfig
from mmkd_ray.evaluate.probes import CLEAN, PROBES, chosen_probes
from tests.support.toy_student import pixels, student


def test_clean_leaves_the_images_as_they_are():
    images = pixels(4, 0)
    seen = CLEAN.seen(images, 0, None, EvaluateConfig())
    assert seen.image_ids == images.image_ids
    (batch,) = seen.in_batches(10)
    assert (batch == images.images_M3SS).all()


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ("clean", ("clean",)),
        ("corruptions", ("clean", "corruptions")),
        (["pgd", "clean"], ("clean", "pgd")),
        (["all"], ("clean", "corruptions", "pgd", "autoattack")),
    ],
)
def test_probes_are_asked_for_by_kind_and_clean_is_always_one(asked, kinds):
    config = EvaluateConfig(probes=asked)
    assert config.probes == kinds
    assert {probe.kind for probe in chosen_probes(config)} == set(kinds)
    assert chosen_probes(config)[0] is CLEAN


def test_no_probe_looks_at_training_images():
    held_out = ("val", "test", "shift")
    for probe in PROBES.values():
        assert set(probe.splits(held_out)) <= set(held_out)


@pytest.mark.parametrize("name", ["gaussian_noise", "fog"])
def test_a_corruption_depends_on_the_image_and_not_on_its_batch_or_its_neighbours(name):
    images, config = pixels(5, 0), EvaluateConfig()
    probe = PROBES[name]

    def made(of, size):
        return np.concatenate([batch.numpy() for batch in probe.seen(of, 3, None, config).in_batches(size)])

    whole = made(images, 5)
    assert (whole != np.concatenate([batch.numpy() for batch in images.in_batches(5)])).any()
    np.testing.assert_array_equal(made(images, 2), whole)
    np.testing.assert_array_equal(made(images.subset([3, 1]), 2), whole[[3, 1]])


@pytest.mark.parametrize("name", ["attack_pgd", "attack_pgd_l2"])
def test_an_attack_takes_some_images_and_leaves_the_others(name):
    config = EvaluateConfig(probes="all", attack={"images": 3, "batch_size": 2, "linf": (8,), "l2": (0.5,), "steps": 3})
    images, probe = pixels(6, 0), PROBES[name]
    attacked = student()
    seen = probe.seen(images, probe.severities(config)[0], attacked, config)
    assert len(seen) == 3
    assert set(seen.image_ids) < set(images.image_ids)
    made = torch.cat(list(seen.in_batches(256)))

    rows = [images.image_ids.index(image_id) for image_id in seen.image_ids]
    change = (made - images.images_M3SS[rows].float() / 255).flatten(1)

    largest = change.abs().max() if probe.norm == "Linf" else change.norm(dim=1).max()
    assert 0 <= largest <= (8 / 255 if probe.norm == "Linf" else 0.5) * (1 + 1e-4)


def test_what_does_not_decide_an_attack_does_not_identify_it():
    probe, other = PROBES["attack_autoattack"], EvaluateConfig(attack={"linf": (1,), "steps": 7})
    assert probe.facts(EvaluateConfig()) == probe.facts(other)
    assert PROBES["attack_pgd"].facts(EvaluateConfig()) != PROBES["attack_pgd"].facts(other)


def test_a_probe_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="accepted are clean, corruptions, pgd, autoattack, all"):
        EvaluateConfig(probes="corruption")
