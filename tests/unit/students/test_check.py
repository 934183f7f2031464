"""What cannot be trained is refused before anything slow begins."""

import pytest

from mmkd_ray.config import validate
from mmkd_ray.errors import StudentError
from mmkd_ray.students.check import check_students
from tests.support.toy_student import STUDENT, WITHOUT_BATCH_NORM


def config_of(student=STUDENT, *, batch_size=2, **sections):
    tree = {"name": "t", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}
    return validate({**tree, "student": student.model_dump(), "train": {"batch_size": batch_size}, **sections})


@pytest.mark.parametrize(
    ("batch_size", "sections"),
    [
        (1, {}),
        (3, {"cluster": {"train_workers": 2}}),
        (3, {"cluster": {"train_workers": [1, 2]}}),
        (8, {"study": {"variants": {"a": {}, "b": {"train.batch_size": 1}}}}),
    ],
)
def test_batch_normalisation_of_one_image_is_refused(batch_size, sections):
    with pytest.raises(StudentError, match=r"cannot take a training step of 1 image a worker.*set train.batch_size to"):
        check_students(config_of(batch_size=batch_size, **sections))


def test_fewer_images_than_a_batch_make_a_smaller_step():
    config = config_of(batch_size=64, cluster={"train_workers": 2})
    check_students(config)
    check_students(config, images=4)
    with pytest.raises(StudentError, match="1 image a worker"):
        check_students(config, images=3)


def test_one_image_is_enough_without_batch_normalisation():
    check_students(config_of(WITHOUT_BATCH_NORM, batch_size=1))


def test_the_larger_student_is_looked_at_where_it_is_used():
    study = {"kd_teacher": STUDENT.model_dump(), "arms": ["ce"]}
    check_students(config_of(WITHOUT_BATCH_NORM, batch_size=1, study=study))
    with pytest.raises(StudentError, match="'resnet18' cannot take a training step of 1 image"):
        check_students(config_of(WITHOUT_BATCH_NORM, batch_size=1, study={**study, "arms": ["ce", "kd"]}))
