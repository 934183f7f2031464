"""The paper's experiments: eight data sets, each with four students."""

import pytest
import timm

from mmkd_ray.aspects.questions import source_aspects
from mmkd_ray.config import load, of_variants

DATA = {
    "stanford_cars": "torchvision",
    "oxford_pets": "torchvision",
    "dtd": "torchvision",
    "flowers102": "torchvision",
    "cub200": "cub",
    "fgvc_aircraft": "torchvision",
    "caltech101": "torchvision",
    "mini_imagenet": "mini_imagenet",
}
STUDENTS = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "mobilenetv1": "mobilenetv1_100",
    "efficientnet_b0": "efficientnet_b0",
}


@pytest.fixture(params=DATA)
def config(request, repository, monkeypatch):
    """One data set's configuration, read from where a user reads it."""
    monkeypatch.chdir(repository)
    return load(f"configs/paper/{request.param}.yaml")


def test_there_is_a_file_for_each_data_set_and_one_for_the_recipe(repository):
    found = {path.stem for path in (repository / "configs" / "paper").glob("*.yaml")}
    assert found == {*DATA, "recipe"}


def test_each_file_uses_its_data_set(config):
    assert config.data.source == DATA[config.name]
    assert getattr(config.data, "dataset", config.name) == config.name
    assert config.data.path == f"data/{config.name}"
    assert config.data.val_fraction == 0.1


def test_the_recipe_is_the_papers(config):
    train = config.train
    assert (train.epochs, train.batch_size, train.alpha) == (240, 16, 4)
    assert (train.optimizer, train.lr, train.momentum, train.weight_decay) == ("sgd", 0.01, 0.9, 1e-4)
    assert (train.schedule, train.step_epochs, train.warmup_epochs) == ("step", (150, 180, 210), 0)
    assert (train.views, train.decode_size, train.crop_scale) == ("torchvision", "full", (0.08, 1.0))
    assert (train.flip, train.brightness, train.augments, train.mixup, train.cutmix) == (0.5, 0, False, 0, 0)
    assert (config.data.fit, config.student.crop_pct) == ("crop", 0.875)
    assert (config.study.arms, config.study.seeds) == (("ce", "makd"), (0, 1, 2))


def test_the_four_students_are_trained_from_scratch(config):
    variants = of_variants(config)
    assert {name: variant.student.model for name, variant in variants.items()} == STUDENTS
    for variant in variants.values():
        assert (variant.student.image_size, variant.student.pretrained) == (224, False)
        assert timm.is_model(variant.student.model)


def test_the_questions_load_and_the_mirror_of_a_mirror_is_the_question(config):
    aspects = {aspect.question: aspect for aspect in source_aspects(config.aspects)[: config.aspects.count]}
    assert len(aspects) == 50 if config.name == "oxford_pets" else 20 <= len(aspects) <= 50
    sided = [aspect for aspect in aspects.values() if aspect.orientation_sensitive]
    assert sided
    assert all(aspects[aspect.mirror].mirror == aspect.question for aspect in sided)
