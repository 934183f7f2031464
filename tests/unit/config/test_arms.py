from importlib import import_module

import pytest

from mmkd_ray.config import ARMS, validate
from mmkd_ray.config.arms import ASPECT_KEYS, source_keys
from mmkd_ray.errors import ConfigError

CONFIG = {"name": "t", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}


def study(*arms, **keys):
    return validate({**CONFIG, "study": {"arms": list(arms), **keys}})


def test_a_name_that_is_not_in_the_table_is_refused_and_the_names_are_given():
    with pytest.raises(ConfigError) as caught:
        study("ce", "mackd")
    assert str(caught.value).startswith(
        "study.arms.1: got \"mackd\"; input should be 'ce', 'makd', 'random', 'shuffled', 'class_mean', "
    )
    assert str(caught.value).endswith("'makd+kd' or 'makd+kd_ls'")
    with pytest.raises(ConfigError, match=r'tune.arm: got "mackd"; input should be'):
        validate({**CONFIG, "tune": {"arm": "mackd"}})


@pytest.mark.parametrize("key", ["mixup", "cutmix"])
def test_an_arm_that_needs_the_one_class_of_an_image_takes_no_mixed_ones(key):
    both = {**CONFIG, "study": {"arms": ["ce", "dkd"], "kd_teacher": {}}, "train": {key: 0.5}}
    with pytest.raises(ConfigError, match=r"a mixed image has two classes, and the arm 'dkd' needs one"):
        validate(both)


@pytest.mark.parametrize("arm", [name for name, arm in ARMS.items() if arm.classes.larger_student])
def test_an_arm_that_learns_from_a_larger_student_needs_one(arm):
    with pytest.raises(ConfigError, match=r"learn from a larger student: name it in study\.kd_teacher"):
        study("ce", arm)
    assert study("ce", arm, kd_teacher={"model": "resnet50"}).study.arms == ("ce", arm)


@pytest.mark.parametrize("arm", ARMS)
def test_what_an_arm_names_is_there(arm):
    config, aspects, classes = study("ce"), ARMS[arm].aspects, ARMS[arm].classes
    for source in (classes, *([aspects] if aspects else [])):
        module, _, name = source.made_by.rpartition(".")
        assert hasattr(import_module(f"mmkd_ray.students.targets.{module}"), name)
    for path in (*ASPECT_KEYS, *classes.keys):
        section, _, key = path.partition(".")
        assert key in type(getattr(config, section)).model_fields


def test_keys_of_the_sources_by_section():
    assert source_keys("train") == {
        "alpha", "teacher_temperature", "flip_targets", "kd_weight", "kd_temperature", "dkd_beta",
    }  # fmt: skip
    assert source_keys("study") == {"label_smoothing", "class_question"}


def test_arms_differ_in_what_they_teach():
    taught = [(arm.aspects, arm.classes) for arm in ARMS.values()]
    assert len(set(taught)) == len(taught)
