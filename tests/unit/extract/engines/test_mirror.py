import io

import numpy as np
from PIL import Image

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import Query, mirrored
from mmkd_ray.extract.engines.mirror import answer_all


def picture(left, right):
    image = Image.new("RGB", (4, 2), left)
    image.paste(right, (2, 0, 4, 2))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


class LeftIsRed:
    """Answers, to any question, how red the left side is; fails for what is all black."""

    def __init__(self):
        self.asked = []

    def answer(self, images, questions):
        self.asked.append(tuple(questions))
        pixels = [np.asarray(Image.open(io.BytesIO(image)).convert("RGB")) for image in images]
        red = np.array([[pixel[0, 0, 0] / 255] * len(questions) for pixel in pixels], np.float32)
        failed = {row: "black" for row, pixel in enumerate(pixels) if not pixel.any()}
        return Answers(red, -red, failed)


def test_each_query_is_asked_about_its_view_whatever_its_text_ends_in():
    engine = LeftIsRed()
    images = [picture("red", "blue"), picture("green", "red"), picture("black", "black")]
    answers = answer_all(engine, images, [Query("A?"), mirrored("B?"), Query("C? [image mirrored]")])
    assert engine.asked == [("A?", "C? [image mirrored]"), ("B?",)]
    np.testing.assert_allclose(answers.log_p_yes_NQ[:2], [[1, 0, 1], [0, 1, 0]])
    np.testing.assert_allclose(answers.log_p_no_NQ, -answers.log_p_yes_NQ)
    assert answers.failed == {2: "black"}


def test_about_one_view_the_engine_is_asked_once():
    engine = LeftIsRed()
    answer_all(engine, [picture("red", "blue")], [Query("A?"), Query("B?")])
    assert engine.asked == [("A?", "B?")]
