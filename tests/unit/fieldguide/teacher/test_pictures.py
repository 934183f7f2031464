"""Training pictures: independent of the count, with parts where the answers are."""

import numpy as np

from mmkd_ray.fieldguide import QUESTIONS
from mmkd_ray.fieldguide.teacher.pictures import PATCH_COUNT, _draw_chunk


def test_a_picture_does_not_depend_on_its_chunk():
    whole, part = _draw_chunk((0, 0, 0, 6, True)), _draw_chunk((0, 0, 4, 6, False))
    np.testing.assert_array_equal(whole.images_NHWC[4:], part.images_NHWC)
    np.testing.assert_array_equal(whole.answers_NQ[4:], part.answers_NQ)


def test_parts_are_marked_only_where_the_answer_is_yes():
    pictures = _draw_chunk((0, 0, 0, 40, True))
    parts_NPQ = np.unpackbits(pictures.parts_NPQ, axis=-1, count=len(QUESTIONS)).astype(bool)
    assert parts_NPQ.shape == (40, PATCH_COUNT, len(QUESTIONS))
    marked_NQ = parts_NPQ.any(axis=1)
    assert not (marked_NQ & ~pictures.answers_NQ).any()
    # All but the questions of facing have a place in the picture; a part may be hidden now and then.
    placed = [not question.id.startswith("facing") for question in QUESTIONS]
    assert (marked_NQ & pictures.answers_NQ)[:, placed].sum() > 0.95 * pictures.answers_NQ[:, placed].sum()
