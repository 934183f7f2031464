"""What the teacher is shown of images with boxes."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from mmkd_ray import schema
from mmkd_ray.answers.wanted import ImageIndex, keys_of
from mmkd_ray.data.encoded import sha256_of
from mmkd_ray.data.sources.base import subject_id
from mmkd_ray.data.subjects import IMAGES, Subjects, subject_pictures, with_images
from mmkd_ray.extract.plan import ToDo, only_todo
from tests.support.pictures import encode

WIDTH, HEIGHT = 40, 30
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
BOX = {"x": 10.0, "y": 5.0, "width": 20.0, "height": 10.0, "label": 1, "area": 200.0, "is_crowd": False}


def table(*boxes, pixels=PIXELS, image_id="a.png"):
    """One row of an image table."""
    image = encode(Image.fromarray(pixels))
    row = {"image_id": image_id, "image": image, "sha256": sha256_of(image), "split": "train", "boxes": list(boxes)}
    return pa.Table.from_pylist([row], schema=schema.images(has_boxes=True))


def shown(run, subjects, images):
    rows = with_images(subjects.rows(images), images)
    return [np.asarray(Image.open(io.BytesIO(one))) for one in subject_pictures(run, subjects, rows)]


@pytest.mark.parametrize(
    ("box", "margin", "rows", "columns"),
    [
        ({}, 0.0, (0, 20), (10, 30)),
        ({"y": 10.0}, 0.1, (3, 27), (8, 32)),
        ({}, 0.25, (0, 30), (5, 35)),  # beside it where the picture ends
        ({"x": 0.4, "y": 0.0, "width": 3.2}, 0.0, (0, 10), (0, 10)),
        ({"x": 5.5, "width": 10.0}, 0.0, (5, 15), (5, 16)),  # a pixel that is seen in part is seen
        ({"x": 30.0, "y": 25.0, "width": 10.0, "height": 5.0}, 0.5, (10, 30), (20, 40)),
        ({"x": 0.0, "width": 40.0}, 0.5, (0, 30), (0, 40)),  # no square has room
        ({"x": 39.6, "y": 29.7, "width": 0.4, "height": 0.3}, 0.0, (29, 30), (39, 40)),
    ],
)
def test_a_box_is_cut_out_as_a_square_with_its_margin(run, box, margin, rows, columns):
    (seen,) = shown(run, Subjects("box", margin), table(BOX | box))
    assert np.array_equal(seen, PIXELS[slice(*rows), slice(*columns)])


def test_in_context_the_whole_picture_is_seen_with_a_line_around_the_box(run):
    (seen,) = shown(run, Subjects("box_in_context"), table(BOX))
    red = (seen == (255, 0, 0)).all(axis=2)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[3:17, 8:32] = True
    expected[5:15, 10:30] = False
    assert np.array_equal(red, expected)
    assert np.array_equal(seen[~expected], PIXELS[~expected])


def test_every_box_is_a_subject_once_but_crowds_and_small_ones(run):
    images = pa.concat_tables(
        [
            table(BOX, BOX | {"label": 0}, BOX | {"is_crowd": True, "x": 1.0}, BOX | {"height": 7.9}, BOX | {"x": 2.0}),
            table(image_id="empty.png"),
            table(BOX, image_id="b.png", pixels=PIXELS[::-1]),
        ]
    )
    rows = Subjects("box", 0.1, least_side=8).rows(images)
    assert rows["image_id"].to_pylist() == ["a.png#10,5,20,10", "a.png#2,5,20,10", "b.png#10,5,20,10"]
    assert rows["label"].to_pylist() == [1, 1, 1]
    assert rows["row"].to_pylist() == [0, 0, 2]
    assert rows["image_id"][0].as_py() == subject_id("a.png", BOX)


def test_what_is_seen_decides_the_hash():
    def hash_of(subjects, images):
        return subjects.rows(images)["sha256"].to_pylist()

    same, others = Subjects("box", 0.1), [Subjects("box", 0.2), Subjects("box_in_context")]
    hashes = [hash_of(same, table(BOX)), *(hash_of(other, table(BOX)) for other in others)]
    hashes += [hash_of(same, table(BOX, pixels=PIXELS[::-1])), hash_of(same, table(BOX | {"y": 5.25}))]
    assert len({tuple(one) for one in hashes}) == len(hashes)
    # Neither does its class, nor what else is in the picture.
    assert hash_of(same, table(BOX | {"label": 0}, BOX | {"x": 1.0}))[:1] == hashes[0]
    # Nor which other boxes are left out.
    assert hash_of(Subjects("box", 0.1, least_side=8), table(BOX)) == hashes[0]


def test_whole_images_are_shown_as_they_are(run):
    images = table(BOX)
    rows = IMAGES.rows(images)
    assert rows.select(["image_id", "sha256"]).equals(images.select(["image_id", "sha256"]))
    assert subject_pictures(run, IMAGES, with_images(rows, images)) == images["image"].to_pylist()


def test_only_boxes_with_something_to_ask_are_cut_out(run):
    subjects, images = Subjects("box"), pa.concat_tables([table(), table(BOX, BOX | {"x": 2.0}, image_id="b.png")])
    wanted = subjects.rows(images)
    todo = ToDo(ImageIndex.of(keys_of(wanted.slice(1, 1))), np.array([3], np.int32))
    asked = only_todo(images, todo, subjects)
    assert asked["image_id"].to_pylist() == ["b.png#2,5,20,10"]
    assert asked["ask"].to_pylist() == [3]
    (seen,) = (np.asarray(Image.open(io.BytesIO(one))) for one in subject_pictures(run, subjects, asked))
    assert np.array_equal(seen, PIXELS[0:20, 2:22])


def test_facts_of_subjects_are_none_for_images_and_give_the_others_back():
    assert IMAGES.facts() == {}
    box = Subjects("box", 0.1, 4)
    assert Subjects.of_asked({"subjects": box.facts()}) == box
    assert Subjects.of_asked({}) == IMAGES
