import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmkd_ray import schema
from mmkd_ray.answers.wanted import ImageIndex, keys_of, wanted_cells
from mmkd_ray.extract.plan import ToDo, files_with, make_plan, only_todo
from tests.support.cells import wanted_of


def wanted(images, questions):
    return wanted_of({f"i{n}": f"s{n}" for n in range(images)}, [f"q{n}?" for n in range(questions)])


def test_a_first_run_has_one_set_of_questions_for_all():
    plan = make_plan(wanted(3, 2), np.zeros((3, 2), bool))
    assert (plan.images, plan.cells) == (3, 6)
    assert plan.ask_PQ.tolist() == [[True, True]]


def test_nothing_is_left_when_all_is_present():
    plan = make_plan(wanted(3, 2), np.ones((3, 2), bool))
    assert (plan.images, plan.cells) == (0, 0)


@given(present=arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 4))))
def test_what_is_asked_is_exactly_what_is_lacking(present):
    plan = make_plan(wanted(*present.shape), present)
    assert plan.cells == (~present).sum()
    images = wanted(*present.shape).images
    asked = {row["image_id"]: plan.ask_PQ[row["ask"]] for row in only_todo(images, plan.todo).to_pylist()}
    for row, image_id in enumerate(images["image_id"].to_pylist()):
        np.testing.assert_array_equal(asked.get(image_id, np.zeros(present.shape[1], bool)), ~present[row])


def test_a_block_keeps_the_rows_that_have_something_to_ask():
    todo = todo_of({"c": "3", "a": "1"}, [1, 0])
    block = pa.table({"image_id": ["a", "b", "c", "c"], "sha256": ["1", "2", "3", "of other bytes"]})
    assert only_todo(block, todo).to_pylist() == [
        {"image_id": "a", "sha256": "1", "ask": 0},
        {"image_id": "c", "sha256": "3", "ask": 1},
    ]


def todo_of(images, ask):
    table = pa.table({"image_id": list(images), "sha256": list(images.values())})
    return ToDo(ImageIndex.of(keys_of(table)), np.array(ask, np.int32))


def write_split(run, split, ids):
    rows = [
        {"image_id": i, "image": b"x", "sha256": hashlib.sha256(b"x").hexdigest(), "label": 0, "class_name": "c",
         "split": split}
        for i in ids
    ]  # fmt: skip
    for number, row in enumerate(rows):
        table = pa.Table.from_pylist([row], schema=schema.IMAGES)
        run.refer_to_images("i").child("table", split).write_table(f"part-{number:05d}.parquet", table)


def test_only_train_and_val_are_wanted_and_only_files_with_work_are_read(run):
    for split, ids in {"train": ["a", "b"], "val": ["c"], "test": ["d"]}.items():
        write_split(run, split, ids)
    assert wanted_cells(run, ["q?"]).image_ids == ["a", "b", "c"]
    x = hashlib.sha256(b"x").hexdigest()
    todo = todo_of({"b": x, "c": x}, [0, 0])
    found = [(folder.path.rsplit("/", 1)[1], name) for folder, name in files_with(run, todo)]
    assert found == [("train", "part-00001.parquet"), ("val", "part-00000.parquet")]
