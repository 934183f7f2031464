import copy
from dataclasses import replace

import pytest
import torch

from mmkd_ray.data.feed.pixels import load_pixels
from mmkd_ray.errors import StudentError
from mmkd_ray.exports.verify import verify
from mmkd_ray.students.forms import StudentNetwork


def changed(student, amount):
    """The bundle with every weight of its output layer moved."""
    module = copy.deepcopy(student.student)
    with torch.no_grad():
        module.backbone.get_classifier().weight.add_(amount)
    return replace(student, logits=StudentNetwork(module))


def test_other_weights_are_another_student(trained, student):
    test = load_pixels(trained[1], ["test"], student.card.picture_fit)
    same = verify(student, changed(student, 0), test)
    assert (same.difference, same.same_class, same.images, same.points) == (0, 12, 12, 0)
    for amount in (0.01, float("nan")):
        with pytest.raises(StudentError, match="the export is not the student"):
            verify(student, changed(student, amount), test)


def test_int8_may_differ_more_but_not_lose_its_accuracy(trained, student):
    test = load_pixels(trained[1], ["test"], student.card.picture_fit)
    reversed_ = replace(test, labels_N=student.outputs(test.in_batches(256))[0].argmax(1))
    card = student.card.model_copy(update={"precision": "int8"})
    near = replace(changed(student, 0.001), card=card)
    assert verify(student, near, reversed_).difference > 0
    wrong = replace(near, logits=lambda images: (-student.logits(images)[0] / 4, student.logits(images)[1]))
    with pytest.raises(StudentError, match=r"top-1 accuracy is .* in place of 100.0 %"):
        verify(student, wrong, reversed_)
