import numpy as np
import pyarrow as pa
import pytest
import torch

from mmkd_ray.schema import fixed_size_rows, predictions
from mmkd_ray.students.outputs import BATCH, outputs
from mmkd_ray.tasks.classify import CLASSIFY
from tests.support.toy_student import pixels, run, student, trainer


@pytest.fixture(scope="module")
def taught():
    return run(trainer(), 6).student.eval()


def test_predictions_are_the_students_logits_of_each_image_in_order(taught):
    images = pixels(30, 4)
    table = CLASSIFY.predict([taught], images)[0]
    class_logits, aspect_logits = outputs(taught, images.in_batches(BATCH))
    assert table["image_id"].to_pylist() == images.image_ids
    assert table["label"].to_pylist() == images.labels_N.tolist()
    np.testing.assert_array_equal(np.stack(table["class_logits"].to_numpy()), class_logits.numpy())
    np.testing.assert_array_equal(np.stack(table["aspect_logits"].to_numpy()), aspect_logits.numpy())


def test_what_is_validated_on_is_what_is_measured(taught):
    images = pixels(30, 5)
    measured = CLASSIFY.measure(CLASSIFY.predict([taught], images)[0], calibrated_by=1.0)
    assert measured[CLASSIFY.primary.name] == CLASSIFY.validate(taught, images, lambda counts: counts)
    assert measured["top5"] == 1  # of three classes
    assert np.mean(CLASSIFY.measure_classes(CLASSIFY.predict([taught], images)[0])) == pytest.approx(measured["top1"])


def test_a_class_without_images_is_not_a_number(taught):
    images = pixels(30, 5)
    without = images.subset([row for row, label in enumerate(images.labels_N.tolist()) if label != 1])
    assert np.isnan(CLASSIFY.measure_classes(CLASSIFY.predict([taught], without)[0])).tolist() == [False, True, False]


def test_it_builds_a_student_with_both_kinds_of_outputs():
    from tests.support.toy_student import STUDENT

    torch.manual_seed(0)
    made = CLASSIFY.build(STUDENT, classes=3, aspects=2)
    assert (made.classes, made.aspects) == (3, 2)
    for key, weight in student().state_dict().items():
        assert torch.equal(weight, made.state_dict()[key])


def test_restricted_to_the_classes_that_occur_by_hand():
    logits_NC = np.array([[5.0, 2, 1, 0], [0, 3, 1, 9]])
    table = pa.table(
        {
            "image_id": ["a", "b"], "split": ["shift", "shift"], "label": pa.array([1, 2], pa.int32()),
            "class_logits": fixed_size_rows(logits_NC), "aspect_logits": fixed_size_rows(np.zeros((2, 1))),
        },
        schema=predictions(4, 1),
    )  # fmt: skip
    assert CLASSIFY.measure(table, calibrated_by=1.0)["top1"] == 0
    measured = CLASSIFY.measure(CLASSIFY.restrict(table), calibrated_by=1.0)
    # Of classes 1 and 2: e^2 / (e^2 + e) = 0.7311 for what is right in the first, e / (e^3 + e) = 0.1192 in the second.
    assert measured["top1"] == 0.5
    assert measured["nll"] == pytest.approx((0.3133 + 2.1269) / 2, abs=1e-4)
    assert measured["brier"] == pytest.approx((2 * 0.2689**2 + 2 * 0.8808**2) / 2, abs=1e-4)
    assert CLASSIFY.name_classes(CLASSIFY.restrict(table)).class_N.tolist() == [1, 1]
    np.testing.assert_array_equal(np.stack(table["class_logits"].to_numpy()), logits_NC)
