from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.report.gallery import gallery, select_answers, spread, thumbnail
from tests.support.report_run import Plan, make


def test_samples_are_spread_over_classes_without_repeats() -> None:
    labels = np.repeat(np.arange(40), 5)
    chosen = spread(labels, count=8)
    assert len({int(labels[row]) for row in chosen}) == len(chosen) == 8
    assert chosen == spread(labels, count=8)


def test_fewer_classes_than_samples_are_shown_several_times() -> None:
    labels = np.repeat([0, 1, 2], 4)
    chosen = spread(labels, count=8)
    assert len(set(chosen)) == 8
    assert set(labels[chosen].tolist()) == {0, 1, 2}


def test_fewer_images_than_samples() -> None:
    assert sorted(spread(np.array([1, 0]), count=8)) == [0, 1]
    assert spread(np.array([], dtype=int), count=8) == []


def test_answers_are_the_surest_yes_and_the_farthest_from_the_mean() -> None:
    p_yes = np.array([0.9, 0.99, 0.1, 0.6, 0.5, 0.7], np.float32)
    mean = np.array([0.9, 0.50, 0.9, 0.6, 0.5, 0.1], np.float32)
    confident, distinctive = select_answers(list("abcdef"), p_yes, mean)
    assert [answer.question for answer in confident] == ["b", "a", "f", "d"]
    assert [answer.question for answer in distinctive] == ["c", "e"]


def test_samples_carry_the_teachers_own_answers(tmp_path: Path) -> None:
    made = make(tmp_path, Plan())
    teacher = read_teacher_table(made.run)
    samples = gallery(made.run, teacher)
    assert len(samples) == 8
    for sample in samples:
        assert sample.image_id.split("/")[0] in ("train", "val")
        assert sample.image_id.split("/")[1] == sample.class_name
        (p_yes_Q,) = teacher.p_yes_of([sample.image_id])
        expected = dict(zip(teacher.questions, p_yes_Q.tolist(), strict=True))
        assert {a.question: a.p_yes for a in (*sample.confident, *sample.distinctive)} == expected


def test_thumbnails_are_small_and_small_images_untouched() -> None:
    def encode(side: int) -> bytes:
        stream = io.BytesIO()
        Image.new("RGB", (side, side // 2), "red").save(stream, "PNG")
        return stream.getvalue()

    for side, expected, is_small in ((64, (64, 32), True), (1000, (224, 112), False)):
        uri, small = thumbnail(encode(side))
        image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        assert (image.size, small) == (expected, is_small)
        assert uri.startswith(f"data:image/{(image.format or '').lower()};base64,")
