import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmkd_ray import schema
from mmkd_ray.answers.store import Wanted, wanted_cells
from mmkd_ray.extract.plan import files_with, make_plan, only_todo


def wanted(images, questions):
    return Wanted({f"i{n}": f"s{n}" for n in range(images)}, tuple(f"q{n}?" for n in range(questions)))


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
    asked = {row["image_id"]: plan.ask_PQ[row["ask"]] for row in plan.todo.to_pylist()}
    for row, image_id in enumerate(wanted(*present.shape).sha256):
        np.testing.assert_array_equal(asked.get(image_id, np.zeros(present.shape[1], bool)), ~present[row])


def test_a_block_keeps_the_rows_that_have_something_to_ask():
    todo = pa.table({"image_id": ["c", "a"], "ask": pa.array([1, 0], pa.int32())})
    block = pa.table({"image_id": ["a", "b", "c"], "image": [b"1", b"2", b"3"]})
    assert only_todo(block, todo).to_pylist() == [
        {"image_id": "a", "image": b"1", "ask": 0},
        {"image_id": "c", "image": b"3", "ask": 1},
    ]


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
    assert set(wanted_cells(run, ("q?",)).sha256) == {"a", "b", "c"}
    todo = pa.table({"image_id": ["b", "c"], "ask": pa.array([0, 0], pa.int32())})
    found = [(folder.path.rsplit("/", 1)[1], name) for folder, name in files_with(run, todo)]
    assert found == [("train", "part-00001.parquet"), ("val", "part-00000.parquet")]
