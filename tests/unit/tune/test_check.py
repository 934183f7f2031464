"""A search whose space holds a step that cannot be taken is refused before its first trial."""

import pytest

from mmkd_ray.config import StudentConfig
from mmkd_ray.errors import StudentError
from mmkd_ray.tune.check import check_trials
from tests.support.toy_student import STUDENT
from tests.unit.students.test_check import config_of


def searching(student=STUDENT, **space):
    domains = {key.replace("__", "."): domain for key, domain in space.items()}
    return config_of(student, batch_size=8, tune={"space": domains})


def test_the_smallest_batch_of_the_space_is_tried():
    check_trials(searching(train__batch_size={"choice": [8, 2]}))
    for sizes in ({"choice": [8, 1, 64]}, {"integer": [1, 8]}):
        with pytest.raises(StudentError, match=r"a training step of 1 image a worker \(train.batch_size 1, 1 worker\)"):
            check_trials(searching(train__batch_size=sizes))


def test_with_every_student_of_the_space():
    student, sizes = StudentConfig(model="test_vit", image_size=32), {"choice": [1, 8]}
    check_trials(searching(student, train__batch_size=sizes))
    with pytest.raises(StudentError, match="'resnet18' cannot take a training step of 1 image a worker"):
        check_trials(searching(student, train__batch_size=sizes, student__model={"choice": ["resnet18"]}))


def test_the_smallest_share_of_the_images_is_tried():
    config = searching(train__train_fraction={"uniform": [0.1, 1.0]})
    check_trials(config, images=20)
    with pytest.raises(StudentError, match="1 image a worker"):
        check_trials(config, images=10)


def test_a_student_that_cannot_be_built_is_left_to_its_trials():
    check_trials(searching(student__model={"choice": [STUDENT.model, "no"]}, student__image_size={"choice": [16, 1]}))
