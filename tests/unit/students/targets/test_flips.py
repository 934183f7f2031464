import numpy as np
import pytest

from mmkd_ray.students.targets.flips import mirrored_targets

# Columns: "red?", "facing left?", "facing right?", "something on the left?" whose mirror is not asked.
TARGETS = np.array([[0.9, 0.8, 0.1, 0.7], [0.2, 0.3, 0.6, 0.4]], np.float32)
QUESTIONS = {"sensitive_Q": (False, True, True, True), "mirror_Q": (None, 2, 1, None)}
NAN = np.nan


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mask", [[0.9, NAN, NAN, NAN], [0.2, NAN, NAN, NAN]]),
        ("swap", [[0.9, 0.1, 0.8, NAN], [0.2, 0.6, 0.3, NAN]]),
        ("keep", TARGETS),
    ],
)
def test_what_is_taught_about_mirrored_images(how, expected):
    mirrored = mirrored_targets(TARGETS, how=how, **QUESTIONS)
    np.testing.assert_array_equal(mirrored, np.asarray(expected, np.float32))


def test_the_view_of_the_mirrored_image_counts_for_sensitive_questions_alone():
    seen = np.full_like(TARGETS, 0.5)
    mirrored = mirrored_targets(TARGETS, how="view", **QUESTIONS, seen_mirrored_NQ=seen)
    np.testing.assert_array_equal(mirrored[:, 0], TARGETS[:, 0])
    np.testing.assert_array_equal(mirrored[:, 1:], seen[:, 1:])


def test_the_targets_of_unmirrored_images_are_left_as_they_are():
    before = TARGETS.copy()
    mirrored_targets(TARGETS, how="mask", **QUESTIONS)
    np.testing.assert_array_equal(TARGETS, before)
